#include "base/cpus.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace canary::base {
namespace {

namespace fs = std::filesystem;

struct Quota {
  double cpus = 0;
  fs::path file;
};

/// A line of mountinfo, as far as we need it (proc(5)).
struct Mount {
  std::string root, point, type, options;
};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(std::move(word));
  return out;
}

/// Blanks and backslashes in paths are written as three octal digits.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 4], code, 8).ptr == &text[i + 4]) {
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Whether a comma-separated list names the word.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> out;
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const auto fields = words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    out.push_back({unescaped(fields[3]), unescaped(fields[4]), dash[1], dash[3]});
  }
  return out;
}

/// Our control group's path of one line of /proc/self/cgroup, `hierarchy:controllers:path`.
struct Membership {
  std::string controllers, path;
};

std::vector<Membership> memberships(const fs::path& root) {
  std::vector<Membership> out;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    out.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return out;
}

/// "150000 100000" or "max 100000" -> 1.5 or nothing.
std::optional<double> quota_v2(const fs::path& group) {
  std::ifstream in(group / "cpu.max");
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> quota_v1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;  // a quota of -1 is none
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0)
    return std::nullopt;
  return quota / period;
}

/// The smallest quota from our group up to the mount's root. A container that sees only a part of
/// the tree may be told a path that is not there: then its mount's root is its group.
void narrow(std::optional<Quota>& least, const fs::path& root, const Mount& mount,
            const std::string& path, bool v2) {
  const fs::path top = root / fs::path(mount.point).relative_path();
  fs::path below = fs::path(path).relative_path();
  if (mount.root != "/") {
    const fs::path inside = fs::path(path).lexically_relative(mount.root);
    below = inside.empty() || *inside.begin() == ".." ? fs::path() : inside;
  }
  std::error_code error;
  const bool outside = std::find(below.begin(), below.end(), "..") != below.end();
  if (outside || !fs::is_directory(top / below, error)) below.clear();
  for (;;) {
    const fs::path group = below.empty() ? top : top / below;
    if (const auto cpus = v2 ? quota_v2(group) : quota_v1(group);
        cpus && (!least || *cpus < least->cpus))
      least = Quota{*cpus, group / (v2 ? "cpu.max" : "cpu.cfs_quota_us")};
    if (below.empty() || below == ".") return;
    below = below.parent_path();
  }
}

std::optional<Quota> least_quota(const fs::path& root) {
  std::optional<Quota> least;
  const auto groups = memberships(root);
  for (const Mount& mount : mounts(root)) {
    const bool v2 = mount.type == "cgroup2";
    if (!v2 && (mount.type != "cgroup" || !lists(mount.options, "cpu"))) continue;
    for (const Membership& group : groups)
      if (v2 ? group.controllers.empty() : lists(group.controllers, "cpu"))
        narrow(least, root, mount, group.path, v2);
  }
  return least;
}

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  std::string out = text;
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

std::size_t allowed_cpus() {
  for (std::size_t possible = 1024; possible <= (1u << 20); possible *= 2) {
    const std::size_t bytes = CPU_ALLOC_SIZE(possible);
    const auto free = [](cpu_set_t* set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(free)> set(CPU_ALLOC(possible), free);
    if (!set) break;
    CPU_ZERO_S(bytes, set.get());
    if (::sched_getaffinity(0, bytes, set.get()) == 0)
      return std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT_S(bytes, set.get())));
    if (errno != EINVAL) break;  // EINVAL: the host has more CPUs than the set has room for
  }
  return 1;
}

CpuShare cpu_share(const fs::path& root, std::size_t allowed) {
  const auto quota = least_quota(root);
  const auto whole = quota ? static_cast<std::size_t>(std::ceil(quota->cpus)) : allowed;
  if (quota && quota->cpus < static_cast<double>(allowed))
    return {std::max<std::size_t>(1, whole),
            "quota of " + number_text(quota->cpus) + " CPUs (" + quota->file.string() + ")"};
  return {allowed, std::to_string(allowed) + (allowed == 1 ? " CPU" : " CPUs") + " by affinity"};
}

CpuShare cpu_share() { return cpu_share("/", allowed_cpus()); }

}  // namespace canary::base
