// One worker: a reactor and everything that serves requests on it. Nothing here is shared with
// other workers but the immutable routing table and the cells that this worker alone writes.
// Constructed on the control thread, then used on its own thread only; others post to its inbox.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/descriptors.hpp"
#include "call/client.hpp"
#include "call/context.hpp"
#include "proxy/listener.hpp"
#include "proxy/wires.hpp"
#include "reactor/buffer.hpp"
#include "reactor/reactor.hpp"
#include "stats/cells.hpp"
#include "traffic/model_version.hpp"

namespace canary::proxy {

/// Written by one worker, read by whoever asks.
struct alignas(64) WorkerCounters {
  stats::Counter accepted, closed;  // open connections = accepted - closed
  stats::CodeCounters refused;      // answered before a version was picked, by status
  stats::Counter accept_errors;     // out of descriptors
  stats::Counter turned_away;       // accepted only to be told that there is no room
  stats::Counter evicted;           // idle, closed to make room
  stats::Counter unasked;           // upstream connections with bytes that no request asked for
};

class Worker {
 public:
  Worker(std::size_t index, std::size_t workers, std::shared_ptr<const traffic::RoutingTable> table,
         log::AccessLogWriter* access_log, const base::Clock& clock = reactor::system_clock());
  ~Worker();

  void add_listener(int fd) { listeners_.push_back(std::make_unique<Listener>(*this, fd)); }
  /// Runs until it has drained.
  void run();

  // Posted through the inbox:
  void install(std::shared_ptr<const traffic::RoutingTable> table);
  void announce(std::shared_ptr<const traffic::VersionAnswers> answers) { call_.answers = answers; }
  /// Stops accepting, lets requests finish, then stops the reactor.
  void drain();
  /// Accepts nothing more and ends every connection now.
  void shut_down();
  /// Ends every request that is in flight to this version, and its client's connection with it.
  void end_requests(const std::string& model, const std::string& version);

  std::size_t index() const { return index_; }
  reactor::Reactor& reactor() { return reactor_; }
  reactor::BufferPool& buffers() { return buffers_; }
  WorkerCounters& counters() { return counters_; }
  const WorkerCounters& counters() const { return counters_; }
  call::Context& calls() { return call_; }
  Wires& wires() { return wires_; }
  bool draining() const { return draining_; }

  // Room for connections, in worker_room.cpp:
  enum class Admission : std::uint8_t { served, turned_away, none };
  /// What becomes of a connection with this descriptor. At the connection limit a long idle one is
  /// closed for it; for want of descriptors none is, for those who are there come first.
  Admission admit(int fd);
  /// Another connection has to wait in the kernel's queue.
  bool overfull();
  /// The limit can be changed from outside at any time.
  void look_at_descriptors();
  /// Closes those of the connections that have been idle for longest; false when none has been for
  /// long.
  bool evict_idle();
  /// Stops the reactor if it drains, nothing is left, and nothing can come.
  void stop_when_drained();

  /// Serves a connection that was accepted.
  void serve(int fd, const sockaddr_storage& peer, bool turned_away);

 private:
  static constexpr std::size_t most_turned_away = 16;  // at a time

  bool full() const;  // at the connection limit
  template <class F>
  void for_each_client(F&& f);
  void ended(call::Client& client);
  class Housekeeping;
  void give_back_memory();

  std::size_t index_, workers_;
  reactor::BufferPool buffers_;  // used until the last of what the reactor frees
  reactor::Reactor reactor_;
  WorkerCounters counters_;
  call::Context call_;
  Wires wires_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  call::Client* clients_ = nullptr;
  std::size_t client_count_ = 0, turning_away_ = 0;  // the first includes the second
  std::size_t most_clients_ = 0;                     // since memory was given back
  base::MonoTime next_trim_{};
  base::DescriptorShares descriptors_;
  bool few_descriptors_ = false;  // when the last connection came
  base::MonoTime next_eviction_{};
  bool draining_ = false;
  std::unique_ptr<Housekeeping> housekeeping_;
};

}  // namespace canary::proxy
