#include "control/telling.hpp"

#include <utility>

namespace canary::control {

std::uint64_t Telling::add(Messages messages) {
  untold_.push_back(std::move(messages));
  return told_ + untold_.size();
}

void Telling::tell_until(std::uint64_t number) {
  for (; told_ < number && !untold_.empty(); ++told_) {
    const Messages messages = std::move(untold_.front());
    untold_.pop_front();
    if (notifier_ != nullptr && !messages.empty()) notifier_->send(messages);
  }
}

}  // namespace canary::control
