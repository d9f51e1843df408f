// Clients and model servers on blocking sockets and threads of their own, for scenarios that count.
// What a request wants of the server stands in its X-Behave header.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/random.hpp"

namespace canary::scenario {

/// A connected blocking socket and what was read beyond the last message.
class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();
  static int connect(std::uint16_t port);

  bool send(const std::string& bytes);
  /// A head up to its empty line; empty at the end.
  std::string head();
  bool body(std::size_t size);
  /// Nothing more is expected: waits for the other side to end.
  void wait_for_end();
  void reset_at_close();
  void shut();
  int fd() const { return fd_; }

 private:
  bool more();
  int fd_;
  std::string in_;
};

/// The value of a header field as this test writes it; empty when absent.
std::string field(const std::string& head, const std::string& name);

/// The moments of the weight: an even number means that weight 0 is in force.
using Moment = std::atomic<std::uint64_t>;
inline bool at_zero(std::uint64_t moment) { return moment % 2 == 0; }

inline constexpr std::size_t client_count = 4;
/// How many requests of each client have reached a server that does not answer them.
using Hanging = std::array<std::atomic<std::uint64_t>, client_count>;

class Server {
 public:
  Server(bool canary, const Moment& moment, Hanging& hanging);
  ~Server();
  std::uint16_t port() const { return port_; }
  std::uint64_t seen() const { return seen_; }
  /// Requests of a moment at which the weight was 0, seen by the canary in the same moment.
  std::uint64_t trespasses() const { return trespasses_; }

 private:
  void accept();
  void serve(Wire& wire);

  const bool canary_;
  const Moment& moment_;
  Hanging& hanging_;
  std::atomic<std::uint64_t> seen_{0}, trespasses_{0};
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  bool ending_ = false;
  std::list<Wire> wires_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

/// Where nobody listens, and where nobody accepts: a connect is refused, or never answered.
class DeadEnds {
 public:
  DeadEnds();
  ~DeadEnds();
  std::uint16_t refusing() const { return refusing_; }
  std::uint16_t silent() const { return silent_; }

 private:
  int bound_ = -1, full_ = -1;
  std::uint16_t refusing_ = 0, silent_ = 0;
  std::list<Wire> fillers_;
};

/// One client: what it sent and what it got. Its thread's own until it is joined.
class Client {
 public:
  struct Counts {
    std::uint64_t sent = 0, aborted = 0, broken = 0;
    std::uint64_t vanished = 0;  // asked the server to close instead of answering
    std::map<std::string, std::uint64_t> by_version;  // by X-Model-Version
    std::map<std::string, std::uint64_t> fine;        // of these, 200
  };
  Client(std::size_t index, std::uint16_t gateway, std::uint64_t seed, bool aborts_stable_only,
         const Moment& moment, Hanging& hanging, std::atomic<std::uint64_t>& progress)
      : index_(index),
        gateway_(gateway),
        random_(seed),
        aborts_stable_only_(aborts_stable_only),
        moment_(moment),
        hanging_(hanging),
        progress_(progress) {}

  /// Sends requests until it is told to stop.
  void run(const std::atomic<bool>& stop);
  const Counts& counts() const { return counts_; }

 private:
  void request(Wire& wire, bool& usable);
  void abort(Wire& wire);

  std::size_t index_;
  std::uint16_t gateway_;
  base::Random random_;
  bool aborts_stable_only_;
  const Moment& moment_;
  Hanging& hanging_;
  std::atomic<std::uint64_t>& progress_;
  std::uint64_t hung_ = 0;
  Counts counts_;
};

}  // namespace canary::scenario
