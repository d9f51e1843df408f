// `workers: auto` counts the CPUs that the process may use, whatever container or service it is in.
#include "base/cpus.hpp"

#include <sched.h>

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"

using namespace canary;
using support::TempDir;

namespace fs = std::filesystem;

namespace {

struct File {
  const char* path;
  const char* text;
};

std::size_t cpus_of(const std::vector<File>& files, std::size_t allowed) {
  const TempDir root;
  for (const File& file : files) {
    fs::create_directories((root / file.path).parent_path());
    support::write_file(root / file.path, file.text);
  }
  return base::cpu_share(root.path(), allowed).cpus;
}

constexpr const char* mounted_v2 =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* mounted_v1 =
    "30 22 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw master:9 - cgroup cgroup rw,cpu,cpuacct\n";

}  // namespace

TEST_CASE("the smallest quota counts, wherever in the tree of control groups it stands") {
  struct Row {
    const char* what;
    std::vector<File> files;
    std::size_t expected;  // of 8 allowed CPUs
  };
  const std::vector<Row> rows = {
      {"nothing can be read", {}, 8},
      {"no limit",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "max 100000\n"}},
       8},
      {"v2: one CPU",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "100000 100000\n"}},
       1},
      {"v2: less than one",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "10000 100000\n"}},
       1},
      {"v2: a fraction is rounded up",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "250000 100000\n"}},
       3},
      {"v2: another period",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "20000 10000\n"}},
       2},
      {"v2: more than there is",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\n"},
        {"sys/fs/cgroup/app/cpu.max", "6400000 100000\n"}},
       8},
      {"v2: the slice above allows less",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/a.slice/b.service\n"},
        {"sys/fs/cgroup/a.slice/cpu.max", "200000 100000\n"},
        {"sys/fs/cgroup/a.slice/b.service/cpu.max", "400000 100000\n"}},
       2},
      {"v2: the group itself has no such file",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/a.slice/b.service\n"},
        {"sys/fs/cgroup/a.slice/cpu.max", "200000 100000\n"},
        {"sys/fs/cgroup/a.slice/b.service/cgroup.procs", ""}},
       2},
      {"v2: a container's own namespace, its limit at the root",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "200000 100000\n"}},
       2},
      {"v2: a path from outside the namespace",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/../../other\n"},
        {"sys/fs/cgroup/cpu.max", "200000 100000\n"}},
       2},
      {"v2: the host's path, which the container does not see",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/kubepods/pod1/c1\n"},
        {"sys/fs/cgroup/cpu.max", "300000 100000\n"}},
       3},
      {"v2: only a part of the tree is mounted",
       {{"proc/self/mountinfo",
         "30 22 0:26 /kubepods/pod1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n"},
        {"proc/self/cgroup", "0::/kubepods/pod1/c1\n"},
        {"sys/fs/cgroup/c1/cpu.max", "300000 100000\n"},
        {"sys/fs/cgroup/cpu.max", "500000 100000\n"}},
       3},
      {"v2: mounted elsewhere, with a blank in its name",
       {{"proc/self/mountinfo", "30 22 0:26 / /my\\040groups rw - cgroup2 cgroup rw\n"},
        {"proc/self/cgroup", "0::/app\n"},
        {"my groups/app/cpu.max", "100000 100000\n"}},
       1},
      {"v1: one and a half",
       {{"proc/self/mountinfo", mounted_v1},
        {"proc/self/cgroup", "5:cpu,cpuacct:/docker/c1\n4:cpuset:/docker/c1\n"},
        {"sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_quota_us", "150000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_period_us", "100000\n"}},
       2},
      {"v1: no limit",
       {{"proc/self/mountinfo", mounted_v1},
        {"proc/self/cgroup", "5:cpu,cpuacct:/\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
       8},
      {"v1: the container sees its own group as the root",
       {{"proc/self/mountinfo",
         "31 22 0:27 /docker/c1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"},
        {"proc/self/cgroup", "5:cpu:/docker/c1\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       2},
      {"v1 beside v2: the smaller of the two",
       {{"proc/self/mountinfo",
         "31 22 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
         "32 22 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n"},
        {"proc/self/cgroup", "5:cpu:/app\n0::/app\n"},
        {"sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "400000\n"},
        {"sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/unified/app/cpu.max", "300000 100000\n"}},
       3},
      {"nonsense limits nothing",
       {{"proc/self/mountinfo", mounted_v2},
        {"proc/self/cgroup", "0::/app\nnonsense\n"},
        {"sys/fs/cgroup/app/cpu.max", "0 0\n"}},
       8},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(cpus_of(row.files, 8) == row.expected);
  }
}

TEST_CASE("the affinity counts where no quota is smaller, and the reason is told") {
  const TempDir root;
  CHECK(base::cpu_share(root.path(), 1).why == "1 CPU by affinity");
  fs::create_directories(root / "proc/self");
  fs::create_directories(root / "sys/fs/cgroup");
  support::write_file(root / "proc/self/mountinfo", mounted_v2);
  support::write_file(root / "proc/self/cgroup", "0::/\n");
  support::write_file(root / "sys/fs/cgroup/cpu.max", "150000 100000\n");
  CHECK(base::cpu_share(root.path(), 1).cpus == 1);
  const auto share = base::cpu_share(root.path(), 4);
  CHECK(share.cpus == 2);
  CHECK(share.why == "quota of 1.5 CPUs (" + (root / "sys/fs/cgroup/cpu.max").string() + ")");
}

TEST_CASE("a thread that is pinned to one CPU may use one") {
  std::size_t counted = 0;
  std::thread([&counted] {
    cpu_set_t all;
    REQUIRE(::sched_getaffinity(0, sizeof all, &all) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    counted = base::allowed_cpus();
  }).join();
  CHECK(counted == 1);
}
