// DNS names -> addresses, all that a name has. The system's resolver blocks and cannot be
// interrupted, so threads of its own ask; the last good answer is kept, and every name in use is
// asked again after a while. Numeric addresses need no asking. All calls on the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "traffic/build_table.hpp"

namespace canary::control {

class Resolver {
 public:
  /// In the order of their keys, each once; nothing when the name could not be asked or has none.
  using Addresses = std::vector<traffic::SocketAddress>;
  /// Blocking; any order, the ports are ignored. Called on the resolver's threads.
  using Ask = std::function<base::Result<Addresses>(const std::string& host)>;
  /// As every program of this host asks (net/name_asker.hpp).
  static Ask system();

  /// `changed` runs when a name in use got other addresses.
  Resolver(boost::asio::io_context& io, std::function<void()> changed, Ask ask = system());
  ~Resolver();

  /// Makes the endpoints' names known. `done` runs at once when they are, else when each new name
  /// has been answered or 2 s have passed, with the names that have no address.
  void use(const std::vector<config::EndpointUrl>& endpoints,
           std::function<void(std::vector<std::string> unresolved)> done);
  /// Forgets every other name.
  void keep_only(const std::vector<config::EndpointUrl>& endpoints);

  /// How often every name is asked again, from now on. One that failed is asked again after 1 s and
  /// then ever less often, at least every six refreshes or 30 s, whichever is shorter.
  void refresh_every(base::Duration interval);

  /// None when the name has no answer.
  Addresses lookup(const config::EndpointUrl& url) const;
  /// Why the name's last question had no answer; empty when it had one, or none has come yet.
  std::string problem(const config::EndpointUrl& url) const;

 private:
  struct Name {
    explicit Name(boost::asio::io_context& io) : next(io) {}
    Addresses addresses;
    bool answered = false;
    bool asking = false;             // its answer is awaited; otherwise `next` runs
    unsigned failures = 0;           // in a row
    boost::asio::steady_timer next;  // until the name is asked again
    std::string problem;
  };
  struct Waiting {
    std::vector<std::string> names;
    std::function<void(std::vector<std::string>)> done;
    std::unique_ptr<boost::asio::steady_timer> deadline;
  };
  struct Worker;

  void answered(const std::string& host, base::Result<Addresses> answer);
  bool take(const std::string& host, Name& name, base::Result<Addresses> answer);
  void finish(std::size_t waiting);
  bool all_answered(const Waiting& waiting) const;
  void question(const std::string& host, Name& name);
  void ask_later(const std::string& host, Name& name);

  boost::asio::io_context& io_;
  std::function<void()> changed_;
  std::shared_ptr<Worker>
      worker_;  // shared with its threads, which may outlive this by one question each
  std::map<std::string, Name> names_;
  std::map<std::size_t, Waiting> waiting_;
  std::size_t next_waiting_ = 0;
  base::Duration interval_ = std::chrono::seconds(5);
};

/// Every endpoint of the configuration.
std::vector<config::EndpointUrl> endpoints_of(const config::Config& config);

}  // namespace canary::control
