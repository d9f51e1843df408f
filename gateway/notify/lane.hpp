// One receiver's queue and the thread that empties it: a receiver that is slow or dead delays
// nobody but itself. Owned by the notifier, called on the control thread; the destructor ends a try
// that is under way and does not wait for the receiver; a file that hangs (the certificates) it
// waits for. What still waits then is not settled.
//
// Where the process can make no further thread, messages wait and start() is tried again.
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

/// A thread that runs the function; throws std::system_error where none can be made.
using MakeThread = std::function<std::jthread(std::function<void(std::stop_token)>)>;

class Lane {
 public:
  /// What every lane of a notifier shares; it outlives them.
  struct Common {
    const base::Clock& clock;
    Pace pace;
    std::vector<config::ListenAddress> own{};
    /// A message of this receiver is done with. Any thread.
    std::function<void(const std::string& id, const std::string& receiver)> settled;
    MakeThread make_thread = [](auto run) { return std::jthread(std::move(run)); };
  };
  Lane(Target target, const Common& common, std::uint64_t seed);

  /// Makes the thread, where there is none yet. A failure is logged once and stands in the view.
  void start();
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
  std::string no_thread_;  // why there is none
  std::shared_ptr<const Target> target_;
  Queue queue_;
  ReceiverView view_;
  std::jthread thread_;  // the last member: it ends before what it uses
};

}  // namespace canary::notify
