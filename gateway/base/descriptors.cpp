#include "base/descriptors.hpp"

#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace canary::base {
namespace {

// An eighth is the control plane's, within these bounds, and an eighth of the rest is for requests
// of clients who are connected.
constexpr std::size_t least_reserve = 16, most_reserve = 256, fraction = 8;

std::size_t reserve(std::size_t limit) {
  return std::min(limit, std::clamp(limit / fraction, least_reserve, most_reserve));
}

int number(std::size_t descriptors) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
  return static_cast<int>(std::min(descriptors, most));
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t open_descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (!directory) return errno == EMFILE ? descriptor_limit() : 0;
  std::size_t entries = 0;
  while (::readdir(directory)) ++entries;
  ::closedir(directory);
  constexpr std::size_t not_ours = 3;  // ".", ".." and the directory's own
  return std::max(entries, not_ours) - not_ours;
}

int next_descriptor() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC);
  if (descriptor < 0) return std::numeric_limits<int>::max();
  ::close(descriptor);
  return descriptor;
}

DescriptorShares share_descriptors(std::size_t limit) {
  const std::size_t upstreams = limit - reserve(limit);
  const std::size_t between = upstreams / fraction;
  const std::size_t clients = upstreams - between;
  return {number(clients), number(clients + between / 4), number(upstreams)};
}

std::size_t least_limit(std::size_t descriptors) {
  std::size_t limit = descriptors;
  while (share_descriptors(limit).clients < number(descriptors)) ++limit;
  return limit;
}

std::size_t most_connections(const DescriptorRoom& room) {
  const std::size_t below = room.limit - reserve(room.limit);
  return (below - std::min(below, room.own)) / 2;
}

}  // namespace canary::base
