// How many CPUs this process may use, which is often fewer than the host has: what `workers: auto`
// means. Read once, at the start. Any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace canary::base {

struct CpuShare {
  std::size_t cpus = 1;  // whole ones, at least 1; a quota of 1.5 CPUs counts as 2
  std::string why;       // "4 CPUs by affinity", "quota of 1.5 CPUs (/sys/fs/cgroup/app/cpu.max)"
};

/// The smaller of `allowed` (the CPUs of our affinity, which a cpuset narrows too) and the smallest
/// CPU quota of our control groups, v2 and v1, from our own up to the root that we can see. `root`
/// is where /proc and /sys are. What cannot be read limits nothing: then the affinity alone counts.
CpuShare cpu_share(const std::filesystem::path& root, std::size_t allowed);
CpuShare cpu_share();

/// The CPUs that the calling thread may run on (sched_getaffinity), however many the host has.
std::size_t allowed_cpus();

}  // namespace canary::base
