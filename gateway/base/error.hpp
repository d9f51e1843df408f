// What went wrong, in words, and whose fault it was. Expected failures are values: Result<T>.
// Exceptions are kept for start-up and for bugs.
#pragma once

#include <boost/system/result.hpp>
#include <iosfwd>
#include <string>
#include <utility>

namespace canary::base {

/// Where an error comes from. Only `upstream` ever counts against a model version.
enum class Source : unsigned char { internal, downstream, upstream };

class Error {
 public:
  Error() = default;
  explicit Error(std::string message, Source source = Source::internal)
      : message_(std::move(message)), source_(source) {}

  const std::string& message() const { return message_; }
  Source source() const { return source_; }

 private:
  std::string message_;
  Source source_ = Source::internal;
};

/// Its message: Result<T> is printable wherever T is.
std::ostream& operator<<(std::ostream& out, const Error& error);

/// Called by Result<T>::value() when there is no value: a bug in the caller.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

template <class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace canary::base
