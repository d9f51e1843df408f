// One receiver's queue and the thread that empties it: a receiver that is slow or dead delays
// nobody but itself. Owned by the notifier, called on the control thread; the destructor ends a try
// that is under way and does not wait for the receiver; a file that hangs (the certificates) it
// waits for. What still waits then is not settled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "notify/notifier.hpp"
#include "notify/queue.hpp"
#include "notify/target.hpp"

namespace canary::notify {

class Lane {
 public:
  /// What every lane of a notifier shares; it outlives them.
  struct Common {
    const base::Clock& clock;
    Pace pace;
    std::vector<config::ListenAddress> own{};
    /// A message of this receiver is done with. Any thread.
    std::function<void(const std::string& id, const std::string& receiver)> settled;
  };
  Lane(Target target, const Common& common, std::uint64_t seed);

  /// The same receiver, described anew.
  void describe(Target target);
  void push(Message message);
  ReceiverView view() const;
  /// The receiver is gone: drops what waits, and ends the thread without waiting for it. How many
  /// were dropped.
  std::uint64_t abandon();
  /// Whether the thread has ended, so that the destructor waits for nothing.
  bool ended() const { return ended_; }

 private:
  void run(std::stop_token stop);
  void drop(const std::vector<Message>& messages, const char* why);
  void record(const Outcome& outcome, const Message& message, unsigned tries);

  const Common& common_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool news_ = false, abandoned_ = false;
  std::atomic<bool> ended_{false};
  std::shared_ptr<const Target> target_;
  Queue queue_;
  ReceiverView view_;
  std::jthread thread_;  // the last member: it ends before what it uses
};

}  // namespace canary::notify
