// DNS names -> addresses. getaddrinfo blocks and cannot be interrupted, so a thread of its own
// asks; the last good answer is kept, and every name in use is asked again each 30 s. Numeric
// addresses need no asking. All calls on the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "traffic/build_table.hpp"

namespace canary::control {

class Resolver {
 public:
  /// Blocking; the port of the answer is ignored. Called on the resolver's thread.
  using Ask = std::function<std::optional<traffic::SocketAddress>(const std::string& host)>;
  static std::optional<traffic::SocketAddress> ask_system(const std::string& host);

  /// `changed` runs when a name in use got another address.
  Resolver(boost::asio::io_context& io, std::function<void()> changed, Ask ask = ask_system);
  ~Resolver();

  /// Makes the endpoints' names known. `done` runs at once when they are, else when each new name
  /// has been answered or 2 s have passed, with the names that have no address.
  void use(const std::vector<config::EndpointUrl>& endpoints,
           std::function<void(std::vector<std::string> unresolved)> done);
  /// Forgets every other name.
  void keep_only(const std::vector<config::EndpointUrl>& endpoints);

  /// Length 0 when the name has no answer.
  traffic::SocketAddress lookup(const config::EndpointUrl& url) const;

 private:
  struct Name {
    std::optional<traffic::SocketAddress> address;
    bool answered = false;
  };
  struct Waiting {
    std::vector<std::string> names;
    std::function<void(std::vector<std::string>)> done;
    std::unique_ptr<boost::asio::steady_timer> deadline;
  };
  struct Worker;

  void answered(const std::string& host, std::optional<traffic::SocketAddress> address);
  void finish(std::size_t waiting);
  bool all_answered(const Waiting& waiting) const;
  void refresh_later();

  boost::asio::io_context& io_;
  std::function<void()> changed_;
  std::shared_ptr<Worker>
      worker_;  // shared with its thread, which may outlive this by one question
  std::map<std::string, Name> names_;
  std::map<std::size_t, Waiting> waiting_;
  std::size_t next_waiting_ = 0;
  boost::asio::steady_timer refresh_;
};

/// Every endpoint of the configuration.
std::vector<config::EndpointUrl> endpoints_of(const config::Config& config);

}  // namespace canary::control
