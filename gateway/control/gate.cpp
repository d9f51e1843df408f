#include "control/gate.hpp"

#include <vector>

namespace canary::control {

void Gate::leave() {
  busy_ = false;
  while (!busy_ && !waiting_.empty()) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    next.again();
  }
}

bool Gate::wait(Key key, std::function<void()> again, std::function<void()> overtaken) {
  if (waiting_.size() >= capacity) return false;
  waiting_.push_back({std::move(key), std::move(again), std::move(overtaken)});
  return true;
}

void Gate::overtake(const Key& key) {
  std::vector<std::function<void()>> overtaken;
  for (auto i = waiting_.begin(); i != waiting_.end();) {
    if (i->key == key) {
      overtaken.push_back(std::move(i->overtaken));
      i = waiting_.erase(i);
    } else {
      ++i;
    }
  }
  for (auto& tell : overtaken) tell();
}

}  // namespace canary::control
