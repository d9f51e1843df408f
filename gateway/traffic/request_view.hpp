// What routing may look at in a request, without knowing how it was parsed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace canary::traffic {

class RequestView {
 public:
  virtual ~RequestView() = default;
  virtual std::string_view host() const = 0;   // lower or upper case, may carry a port
  virtual std::string_view path() const = 0;   // the target up to `?`
  virtual std::string_view query() const = 0;  // behind `?`, may be empty
  /// The first field line of that name (case-insensitive); empty data() when absent.
  virtual std::string_view header(std::string_view name) const = 0;
  /// The client's address in its shortest text form: IPv4 or IPv6.
  virtual std::string_view client_address() const = 0;
};

}  // namespace canary::traffic
