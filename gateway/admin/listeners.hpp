// Opens the admin listener and, when configured, the observe listener. Owned by main; everything
// runs on the control thread's io_context.
#pragma once

#include <memory>
#include <optional>

#include "admin/backend.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "config/config.hpp"

namespace canary::admin {

class Listeners {
 public:
  /// Refuses an admin address off loopback without a token file. `clock` must outlive the result.
  static base::Result<std::unique_ptr<Listeners>> open(
      boost::asio::io_context& io, const config::Admin& admin,
      const std::optional<config::Observe>& observe, Backend backend, const base::Clock& clock);
  ~Listeners();
  unsigned short admin_port() const;
  std::optional<unsigned short> observe_port() const;
  /// Stops accepting; requests in hand are answered.
  void close();

 private:
  struct Impl;
  explicit Listeners(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::admin
