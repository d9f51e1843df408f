// The data plane: N workers, each on a thread of its own, behind traffic::DataPlane. Constructed,
// called and destroyed on the control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "proxy/worker.hpp"
#include "traffic/data_plane.hpp"

namespace canary::proxy {

class WorkerPool final : public traffic::DataPlane {
 public:
  /// Runs a call on the control thread; what still waits when the pool is destroyed must not run.
  using PostToControl = std::function<void(std::function<void()>)>;

  WorkerPool(std::size_t workers, log::AccessLogWriter* access_log, PostToControl post);
  /// Shuts down what still runs, and joins.
  ~WorkerPool();

  /// Binds every address for every worker, or none at all. `takeover`: share the ports with a
  /// gateway that still listens, instead of refusing.
  base::Result<void> listen(const std::vector<config::ListenAddress>& addresses, bool takeover);
  /// The addresses that were bound, with the ports that the kernel chose.
  const std::vector<config::ListenAddress>& bound() const { return bound_; }

  /// The first publish makes the workers and starts their threads; it throws std::system_error
  /// when the system has no descriptor or thread for one, and the pool can only be destroyed then.
  /// At most one table is on its way at a time; a later one
  /// waits and replaces what waited before it.
  void publish(std::shared_ptr<const traffic::RoutingTable> table,
               std::function<void()> on_applied) override;
  void end_requests(const std::string& model, const std::string& version) override;
  void announce(std::shared_ptr<const traffic::VersionAnswers> answers) override;

  /// Stops accepting and lets requests finish; `on_drained` runs on the control thread when every
  /// worker has ended.
  void drain(std::function<void()> on_drained);
  /// Ends what has not finished yet.
  void shut_down();

  std::size_t size() const { return worker_count_; }
  /// How many descriptors the first publish() will take.
  std::size_t descriptors_to_open() const { return worker_count_ * reactor::Reactor::descriptors; }
  /// Of one worker; valid once the first table was published.
  const WorkerCounters* counters(std::size_t worker) const;

 private:
  struct Waiting {
    std::shared_ptr<const traffic::RoutingTable> table;
    std::vector<std::function<void()>> on_applied;
  };
  enum class State : std::uint8_t { current, installing, ended };  // of a worker, as control knows
  void close_listeners();
  void start_workers(const std::shared_ptr<const traffic::RoutingTable>& table);
  void send_table();
  void installed(std::size_t worker, State state);
  void ended(std::size_t worker);
  void applied();
  void post_to_all(const std::function<void(Worker&)>& call);
  void post(Worker& worker, std::function<void()> call);

  std::size_t worker_count_;
  log::AccessLogWriter* access_log_;
  PostToControl post_;
  std::vector<std::vector<int>> listeners_;  // by worker, until it starts
  std::vector<config::ListenAddress> bound_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<State> states_;  // by worker
  Waiting next_, installing_;
  std::size_t to_install_ = 0;  // workers that have yet to install the table on its way
  std::size_t running_ = 0;
  std::function<void()> on_drained_;
};

}  // namespace canary::proxy
