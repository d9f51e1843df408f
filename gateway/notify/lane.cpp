#include "notify/lane.hpp"

#include <bit>
#include <system_error>
#include <utility>

#include "log/log.hpp"

namespace canary::notify {

Lane::Lane(Target target, const Common& common, std::uint64_t seed)
    : common_(common),
      target_(std::make_shared<const Target>(std::move(target))),
      queue_(common.pace, seed) {
  view_.last_error = target_->problem;
  start();
}

void Lane::start() {
  if (thread_.joinable()) return;
  try {
    thread_ = common_.make_thread([this](std::stop_token stop) {
      run(std::move(stop));
      ended_ = true;
    });
    const std::lock_guard lock(mutex_);
    if (!std::exchange(no_thread_, {}).empty())
      log::info("notifier_thread_started", {{"receiver", target_->shown}});
  } catch (const std::system_error& error) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(no_thread_, error.code().message()).empty())
      log::error("notifier_thread_failed", {{"receiver", target_->shown}, {"error", no_thread_}});
  }
}

void Lane::describe(Target target) {
  const std::lock_guard lock(mutex_);
  target_ = std::make_shared<const Target>(std::move(target));
}

void Lane::push(Message message) {
  start();
  const std::lock_guard lock(mutex_);
  if (auto dropped = queue_.push(std::move(message), common_.clock.mono()))
    drop({std::move(*dropped)}, "too many messages wait for the receiver");
  news_ = true;
  changed_.notify_one();
}

ReceiverView Lane::view() const {
  const std::lock_guard lock(mutex_);
  ReceiverView view = view_;
  view.receiver = target_->shown;
  if (!no_thread_.empty())
    view.last_error = "no thread could be made to send messages: " + no_thread_;
  view.waiting = queue_.size();
  return view;
}

std::uint64_t Lane::abandon() {
  thread_.request_stop();
  if (!thread_.joinable()) ended_ = true;
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  const auto messages = queue_.take_all();
  drop(messages, "the receiver is no longer configured");
  return messages.size();
}

void Lane::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    drop(queue_.take_expired(common_.clock.mono()), "it could not be delivered in time");
    const Message* next = queue_.next(common_.clock.mono());
    if (!next) {
      const auto wake = queue_.wake();
      const auto news = [this] { return news_; };
      if (wake)
        changed_.wait_for(lock, stop, *wake - common_.clock.mono(), news);
      else
        changed_.wait(lock, stop, news);
      news_ = false;
      continue;
    }
    const Message message = *next;
    const auto target = target_;
    lock.unlock();
    const Outcome outcome =
        deliver(*target, message, common_.clock, common_.own, common_.pace.timeout, stop);
    lock.lock();
    if (abandoned_) break;  // its message was dropped with the others
    if (stop.stop_requested() && outcome.kind != Outcome::Kind::delivered) break;
    const unsigned tries = queue_.tries();
    queue_.settle(outcome, common_.clock.mono());
    record(outcome, message, tries);
  }
}

void Lane::drop(const std::vector<Message>& messages, const char* why) {
  for (const Message& message : messages) {
    ++view_.dropped;
    log::error("notification_dropped",
               {{"receiver", target_->shown}, {"id", message.id}, {"message", why}});
    common_.settled(message.id, message.receiver);
  }
}

void Lane::record(const Outcome& outcome, const Message& message, unsigned tries) {
  if (outcome.kind == Outcome::Kind::delivered) {
    ++view_.delivered;
    view_.last_error.clear();
    log::info("notification_delivered",
              {{"receiver", target_->shown}, {"id", message.id}, {"tries", tries}});
    common_.settled(message.id, message.receiver);
    return;
  }
  ++view_.failures;
  view_.last_error = outcome.error;
  if (std::has_single_bit(tries))  // the 1st, 2nd, 4th, 8th ...: three days are many tries
    log::warn("notification_failed", {{"receiver", target_->shown},
                                      {"id", message.id},
                                      {"tries", tries},
                                      {"message", outcome.error}});
}

}  // namespace canary::notify
