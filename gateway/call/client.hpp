// A client's connection, as its worker sees it, whatever the wire. Owned by the worker, in a list;
// one thread.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace canary::call {

class Client {
 public:
  explicit Client(bool turned_away) : turned_away_(turned_away) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;

  /// Takes over the accepted descriptor and serves until the connection ends.
  virtual void start(int fd) = 0;
  /// The worker drains: the connection ends soon, with what it has begun.
  virtual void drain() = 0;
  /// It ends at once, whatever it does.
  virtual void shut_down() = 0;
  /// Ends what is in flight to this version.
  virtual void end_request(const std::string& model, const std::string& version) = 0;
  /// There is no room for it; it is told so, and ends.
  bool turned_away() const { return turned_away_; }

  /// It waits for a request. Since when; whether it had one before.
  bool idle() const { return idle_; }
  base::MonoTime idle_since() const { return idle_since_; }
  bool had_request() const { return had_request_; }
  /// Its next request has come, whatever events have told.
  virtual bool has_input() const = 0;

  // The worker's list of clients.
  Client* previous = nullptr;
  Client* next = nullptr;

 protected:
  base::MonoTime idle_since_{};
  bool idle_ = false, had_request_ = false;

 private:
  const bool turned_away_;
};

}  // namespace canary::call
