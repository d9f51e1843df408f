// How many descriptors the process may have, lowered for a while.
#pragma once

#include <sys/resource.h>

#include <stdexcept>

namespace canary::support {

/// What is open already stays so; of what comes, nothing gets a number from `most` on.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t most) {
    if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("no limit to read");
    const rlimit limit{most, before_.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("cannot set the limit");
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace canary::support
