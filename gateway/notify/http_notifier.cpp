#include "notify/http_notifier.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "notify/render.hpp"

namespace canary::notify {

using Kind = config::Notify::Kind;

HttpNotifier::HttpNotifier(Parts parts)
    : parts_(std::move(parts)),
      common_{.clock = parts_.clock, .pace = parts_.pace, .settled = {}},
      random_(parts_.seed) {
  common_.settled = [post = parts_.post, settled = parts_.settled](const std::string& id,
                                                                   const std::string& receiver) {
    post([settled, id, receiver] { settled(id, receiver); });
  };
  if (parts_.make_thread) common_.make_thread = parts_.make_thread;
}

/// The start uses the receivers twice, and a reload those that it leaves as they were.
bool HttpNotifier::was_told(const Target& target, const std::vector<Receiver>& before) {
  return std::any_of(before.begin(), before.end(), [&](const Receiver& known) {
    return known.target.shown == target.shown && known.target.problem == target.problem;
  });
}

void HttpNotifier::use(const std::vector<config::Notify>& receivers,
                       const std::string& status_url) {
  status_url_ = status_url;
  std::vector<Receiver> before = std::exchange(receivers_, {});
  std::map<std::string, unsigned> shown;  // a metric's label stands for one receiver
  for (std::size_t i = 0; i < receivers.size(); ++i) {
    Target target =
        target_of(receivers[i], "notify[" + std::to_string(i) + "]", parts_.environment);
    if (find(target.key)) continue;  // the validator refuses what stands twice
    const unsigned namesakes = ++shown[target.shown];
    if (namesakes > 1) target.shown += " (" + std::to_string(namesakes) + ")";
    if (!target.problem.empty() && !was_told(target, before))
      log::error("notification_impossible",
                 {{"receiver", target.shown}, {"message", target.problem}});
    receivers_.push_back(receiver_of(std::move(target), before));
  }
  std::erase_if(leaving_, [](const auto& lane) { return lane->ended(); });
  for (Receiver& gone : before)
    if (gone.lane) leave(std::move(gone.lane));
}

// A lane may be reading a file that hangs: the control thread does not wait for it, unless there
// are too many of them.
void HttpNotifier::leave(std::unique_ptr<Lane> lane) {
  constexpr std::size_t most_leaving = 64;
  removed_dropped_ += lane->abandon();
  if (leaving_.size() == most_leaving) leaving_.erase(leaving_.begin());
  leaving_.push_back(std::move(lane));
}

std::vector<Message> HttpNotifier::messages_for(const Notice& notice) const {
  std::vector<Message> messages;
  for (const auto& [target, lane, delivered] : receivers_) {
    if (!target.entry.wants(notice.kind)) continue;
    Message message{notice.id, target.key, "", notice.time, notice.harmless};
    switch (target.entry.kind) {
      case Kind::slack:
        message.body = slack_body(notice, target.entry.channel, status_url_);
        break;
      case Kind::webhook:
        message.body = cloud_event(notice, status_url_);
        break;
      case Kind::log:
        message.body = data_of(notice, status_url_);
        break;
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

void HttpNotifier::send(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    Receiver* receiver = find(message.receiver);
    if (!receiver) {
      drop(message);
    } else if (receiver->lane) {
      receiver->lane->push(message);
    } else {
      log_data(message.body);
      ++receiver->delivered;
      common_.settled(message.id, message.receiver);
    }
  }
}

std::vector<ReceiverView> HttpNotifier::receivers() const {
  std::vector<ReceiverView> views;
  for (const auto& [target, lane, delivered] : receivers_)
    views.push_back(lane ? lane->view() : ReceiverView{target.shown, delivered, 0, 0, 0, ""});
  if (removed_dropped_ > 0) views.push_back({"removed", 0, 0, removed_dropped_, 0, ""});
  return views;
}

void HttpNotifier::tick() {
  const base::MonoTime now = parts_.clock.mono();
  if (now < next_start_) return;
  next_start_ = now + std::chrono::seconds(1);
  for (const Receiver& receiver : receivers_)
    if (receiver.lane) receiver.lane->start();
}

HttpNotifier::Receiver* HttpNotifier::find(const std::string& key) {
  const auto found = std::find_if(receivers_.begin(), receivers_.end(),
                                  [&key](const auto& each) { return each.target.key == key; });
  return found == receivers_.end() ? nullptr : &*found;
}

/// As it was, with its counts and what waits for it, or a new one.
HttpNotifier::Receiver HttpNotifier::receiver_of(Target target, std::vector<Receiver>& before) {
  for (Receiver& known : before) {
    if (known.target.key != target.key) continue;
    if (known.lane) {
      known.lane->describe(target);
      known.lane->start();
    }
    return {std::move(target), std::move(known.lane), known.delivered};
  }
  if (target.entry.kind == Kind::log) return {std::move(target), nullptr, 0};
  auto lane = std::make_unique<Lane>(target, common_, random_.next());
  return {std::move(target), std::move(lane), 0};
}

void HttpNotifier::drop(const Message& message) {
  ++removed_dropped_;
  // Of the key only the kind: behind it may stand what was put in the place of a variable's name.
  const std::string kind = message.receiver.substr(0, message.receiver.find(' '));
  log::error("notification_dropped", {{"receiver", kind},
                                      {"id", message.id},
                                      {"message", "the receiver is no longer configured"}});
  common_.settled(message.id, message.receiver);
}

}  // namespace canary::notify
