#include "reactor/timer_wheel.hpp"

#include <algorithm>

namespace canary::reactor {
namespace {

std::int64_t tick_at(MonoTime time) { return time.time_since_epoch() / TimerWheel::tick; }

// The first tick at which the deadline has passed.
std::int64_t tick_after(MonoTime deadline) {
  return tick_at(deadline - base::Duration(1)) + 1;  // no overflow near MonoTime::max()
}

}  // namespace

Timer::~Timer() {
  if (wheel_) wheel_->unlink(*this);
}

TimerWheel::TimerWheel(MonoTime start) : current_(tick_at(start)) {
  for (auto& list : lists_) list.next_ = list.previous_ = &list;
  due_.next_ = due_.previous_ = &due_;
}

TimerWheel::~TimerWheel() {
  for (auto& list : lists_)
    while (list.next_ != &list) unlink(*list.next_);
}

void TimerWheel::arm(Timer& timer, MonoTime deadline) {
  timer.deadline_ = deadline;
  if (timer.wheel_) {
    if (deadline >= timer.slot_time_) return;  // later: the stamp is enough
    unlink(timer);
  }
  if (deadline != MonoTime::max()) link(timer);
}

void TimerWheel::link(Timer& timer) {
  const std::int64_t last = current_ + static_cast<std::int64_t>(slots) - 1;
  const std::int64_t at = std::clamp(tick_after(timer.deadline_), current_ + 1, last);
  timer.slot_time_ = MonoTime(at * tick);
  timer.wheel_ = this;
  Timer& list = lists_[static_cast<std::size_t>(at) % slots];
  timer.previous_ = list.previous_;
  timer.next_ = &list;
  list.previous_->next_ = &timer;
  list.previous_ = &timer;
  ++linked_;
}

void TimerWheel::unlink(Timer& timer) {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.previous_ = timer.next_ = nullptr;
  timer.wheel_ = nullptr;
  --linked_;
}

void TimerWheel::advance(MonoTime now) {
  const std::int64_t target = tick_at(now);
  // After a long sleep every slot is due once; there is no need to go round more often.
  current_ = std::max(current_, target - static_cast<std::int64_t>(slots));
  while (current_ < target) {
    ++current_;
    fire_slot(lists_[static_cast<std::size_t>(current_) % slots], now);
  }
}

void TimerWheel::fire_slot(Timer& list, MonoTime now) {
  if (list.next_ == &list) return;
  // Move the slot aside first: a timer that is armed again may hang itself into the same slot.
  due_.next_ = list.next_;
  due_.previous_ = list.previous_;
  due_.next_->previous_ = &due_;
  due_.previous_->next_ = &due_;
  list.next_ = list.previous_ = &list;
  while (due_.next_ != &due_) {
    Timer& timer = *due_.next_;
    unlink(timer);
    if (timer.deadline_ == MonoTime::max()) continue;
    if (timer.deadline_ > now) {
      link(timer);
      continue;
    }
    timer.deadline_ = MonoTime::max();
    timer.on_timer(now);
  }
}

int TimerWheel::wait_ms(MonoTime now) const {
  if (linked_ == 0) return -1;
  const MonoTime next((current_ + 1) * tick);
  if (next <= now) return 0;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
}

}  // namespace canary::reactor
