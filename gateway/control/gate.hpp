// One raise at a time: from its decision until its commit has come back and it is published. Raises
// that come meanwhile wait here, in order; lowerings never do. Control thread.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>

namespace canary::control {

/// A rollout's name: model and canary version.
using Key = std::pair<std::string, std::string>;

class Gate {
 public:
  static constexpr std::size_t capacity = 256;

  bool busy() const { return busy_; }
  void enter() { busy_ = true; }
  /// Opens the gate and lets those that wait decide again, one by one, until one enters.
  void leave();

  /// `again` runs when the gate is open; `overtaken` instead, when a later lowering of the rollout
  /// came first. False when too many wait already.
  bool wait(Key key, std::function<void()> again, std::function<void()> overtaken);
  /// A lowering of the rollout was decided: what waits to raise it was decided before.
  void overtake(const Key& key);

 private:
  struct Waiting {
    Key key;
    std::function<void()> again, overtaken;
  };
  bool busy_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace canary::control
