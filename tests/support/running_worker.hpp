// One worker of the data plane on a thread of its own, with a table made from a Config, and what it
// has recorded.
#pragma once

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "proxy/worker.hpp"
#include "reactor/tcp.hpp"
#include "support/recorded.hpp"
#include "support/scripted_upstream.hpp"
#include "traffic/build_table.hpp"

namespace canary::test {

class RunningWorker {
 public:
  explicit RunningWorker(config::Config config, base::BasisPoints weight = 0,
                         const base::Clock& clock = reactor::system_clock())
      : config(std::move(config)), worker_(0, 1, table(weight), nullptr, clock) {
    const int fd = reactor::listen_tcp(reactor::numeric_address("127.0.0.1", 0), true).value();
    port = reactor::bound_port(fd);
    worker_.add_listener(fd);
    thread_ = std::thread([this] { worker_.run(); });
  }
  ~RunningWorker() {
    worker_.reactor().inbox().post([this] {
      worker_.drain();
      worker_.shut_down();
    });
    thread_.join();
  }

  std::shared_ptr<const traffic::RoutingTable> table(base::BasisPoints weight) {
    return traffic::build_table(config, {{"m", weight}}, traffic::lookup_numeric, endpoints_,
                                registry_, ++generation_);
  }
  /// Runs `call` on the worker's thread, between events, and waits for what it returns.
  template <class F>
  auto ask(F call) {
    std::promise<decltype(call(std::declval<proxy::Worker&>()))> promise;
    worker_.reactor().inbox().post([&] {
      if constexpr (std::is_void_v<decltype(call(worker_))>) {
        call(worker_);
        promise.set_value();
      } else {
        promise.set_value(call(worker_));
      }
    });
    return promise.get_future().get();
  }
  void install(base::BasisPoints weight) {
    ask([next = table(weight)](proxy::Worker& worker) { worker.install(next); });
  }
  /// What is recorded once everything is that the worker was already told of.
  Recorded version(const std::string& name) {
    ask([](proxy::Worker&) {});
    for (const auto& stats : registry_.all())
      if (stats->version == name) return recorded(*stats);
    return {};
  }
  Recorded stable() { return version("m_v1"); }
  Recorded canary() { return version("m_v2"); }
  /// Asks the worker again and again, for as long as patience lasts.
  template <class F>
  bool eventually(F&& holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      ask([](proxy::Worker&) {});
    }
    return true;
  }
  /// Lets time pass on the worker's clock, which is what its deadlines go by.
  bool let_pass(base::Duration time) {
    const auto now = [this] { return ask([](proxy::Worker& w) { return w.reactor().now(); }); };
    const auto begin = now();
    return eventually([&] { return now() - begin > time; });
  }
  std::uint64_t open_connections() {
    return ask(
        [](proxy::Worker& w) { return w.counters().accepted.get() - w.counters().closed.get(); });
  }

  config::Config config;
  std::uint16_t port = 0;

 private:
  traffic::EndpointRegistry endpoints_;
  stats::Registry registry_{1};
  std::uint64_t generation_ = 0;
  proxy::Worker worker_;
  std::thread thread_;
};

/// A client of the gateway.
class Client : public Wire {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0)
      : Wire(connect_to(port, receive_buffer)) {}
  /// The final answer, 101 among them; interim ones are passed over.
  Message ask(std::string_view request, Kind kind = Kind::response) {
    send(request);
    Message answer = read_message(*this, kind);
    while (answer.status() >= 100 && answer.status() < 200 && answer.status() != 101)
      answer = read_message(*this, kind);
    return answer;
  }
};

}  // namespace canary::test
