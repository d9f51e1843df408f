// One worker's lines for the access log: which requests are sampled, and a buffer that goes to the
// log's writer when it is full or a second old. One per worker; one thread.
#pragma once

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/units.hpp"
#include "log/access_log.hpp"

namespace canary::call {

class AccessLines {
 public:
  /// `writer`: nullptr for no access log.
  explicit AccessLines(log::AccessLogWriter* writer) : writer_(writer) {}
  ~AccessLines() { flush(); }

  /// Whether the present request is to be logged; then its line goes to add().
  bool sample(base::BasisPoints rate, base::Random& random) const {
    if (!writer_ || rate == 0) return false;
    return rate == base::full_weight || random.below(base::full_weight) < rate;
  }
  void add(std::string_view line);
  void flush();

 private:
  log::AccessLogWriter* writer_;
  std::string lines_;
  std::uint64_t count_ = 0;
};

}  // namespace canary::call
