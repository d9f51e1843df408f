// Stands where the notifier stands: whom it would have told, and what, is kept for the story.
// Nothing is sent anywhere. Control thread.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "notify/notifier.hpp"

namespace canary::rehearsal {

class Receivers final : public notify::Notifier {
 public:
  struct Told {
    base::WallTime time{};
    std::string model, receiver, text;
    config::EntryKind decision{};
    std::string cause;  // of the history's entry
  };

  explicit Receivers(const base::Clock& clock) : clock_(clock) {}

  void use(const std::vector<config::Notify>& receivers, const std::string& status_url) override;
  std::vector<notify::Message> messages_for(const notify::Notice& notice) const override;
  void send(const std::vector<notify::Message>& messages) override;
  std::vector<notify::ReceiverView> receivers() const override;

  /// What was told since the last call.
  std::vector<Told> take_told();
  /// The messages that were sent, for the outbox: they have arrived.
  std::vector<std::pair<std::string, std::string>> take_settled();
  /// The notice of a decision; nullptr when it was none.
  const notify::Notice* notice(const std::string& model, base::WallTime time,
                               config::EntryKind decision) const;

 private:
  const base::Clock& clock_;
  std::vector<config::Notify> receivers_;
  std::string status_url_;
  mutable std::vector<notify::Notice> notices_;  // of every decision, also where nobody is told
  std::set<std::pair<std::string, std::string>> sent_;  // id and receiver: each once
  std::vector<Told> told_;
  std::vector<std::pair<std::string, std::string>> settled_;
};

}  // namespace canary::rehearsal
