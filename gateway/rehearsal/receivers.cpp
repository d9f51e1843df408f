#include "rehearsal/receivers.hpp"

#include "notify/target.hpp"
#include "notify/words.hpp"

namespace canary::rehearsal {
namespace {

/// As people call it; the environment, which holds the URLs, is left alone.
std::string receiver_name(const config::Notify& receiver) {
  return notify::target_of(receiver, "notify", [](const char*) -> const char* { return nullptr; })
      .shown;
}

}  // namespace

void Receivers::use(const std::vector<config::Notify>& receivers, const std::string& status_url) {
  receivers_ = receivers;
  status_url_ = status_url;
}

std::vector<notify::Message> Receivers::messages_for(const notify::Notice& notice) const {
  notices_.push_back(notice);
  std::vector<notify::Message> messages;
  for (const auto& receiver : receivers_)
    if (receiver.wants(notice.kind))
      messages.push_back(
          {notice.id, receiver_name(receiver), notify::text_of(notice, status_url_), notice.time});
  return messages;
}

void Receivers::send(const std::vector<notify::Message>& messages) {
  for (const auto& message : messages) {
    settled_.emplace_back(message.id, message.receiver);
    if (!sent_.emplace(message.id, message.receiver).second) continue;
    Told& told = told_.emplace_back();
    told.time = clock_.wall();
    told.receiver = message.receiver;
    told.text = message.body;
    for (const auto& notice : notices_) {
      if (notice.id != message.id) continue;
      told.model = notice.model;
      told.decision = notice.decision;
      told.cause = notice.reason;
    }
  }
}

std::vector<notify::ReceiverView> Receivers::receivers() const {
  std::vector<notify::ReceiverView> views;
  for (const auto& receiver : receivers_) {
    notify::ReceiverView& view = views.emplace_back();
    view.receiver = receiver_name(receiver);
    for (const auto& [id, name] : sent_)
      if (name == view.receiver) ++view.delivered;
  }
  return views;
}

std::vector<Receivers::Told> Receivers::take_told() { return std::exchange(told_, {}); }

std::vector<std::pair<std::string, std::string>> Receivers::take_settled() {
  return std::exchange(settled_, {});
}

const notify::Notice* Receivers::notice(const std::string& model, base::WallTime time,
                                        config::EntryKind decision) const {
  for (const auto& notice : notices_)
    if (notice.model == model && notice.time == time && notice.decision == decision) return &notice;
  return nullptr;
}

}  // namespace canary::rehearsal
