// What routing may look at in a request, without knowing how it was parsed.
#pragma once

#include <cstddef>
#include <string_view>

namespace canary::traffic {

class RequestView {
 public:
  virtual ~RequestView() = default;
  virtual std::string_view host() const = 0;   // lower or upper case, may carry a port
  virtual std::string_view path() const = 0;   // the target up to `?`
  virtual std::string_view query() const = 0;  // behind `?`, may be empty
  /// The next field line of that name (case-insensitive) at or behind `at`, which is 0 at first and
  /// moves behind it; empty data() when there is none.
  virtual std::string_view next_header(std::string_view name, std::size_t& at) const = 0;
  /// The client's address in its one canonical spelling: IPv4 or IPv6.
  virtual std::string_view client_address() const = 0;

  /// The first field line of that name; empty data() when absent.
  std::string_view header(std::string_view name) const {
    std::size_t at = 0;
    return next_header(name, at);
  }
};

}  // namespace canary::traffic
