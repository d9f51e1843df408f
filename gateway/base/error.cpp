#include "base/error.hpp"

#include <stdexcept>

namespace canary::base {

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.message());
}

}  // namespace canary::base
