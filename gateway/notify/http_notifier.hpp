// Tells the receivers of the file: Slack, webhooks, the gateway's own log. Control thread; each
// receiver has a queue and a thread of its own (notify/lane), nobody waits for anybody.
#pragma once

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>

#include "base/random.hpp"
#include "notify/lane.hpp"
#include "notify/notifier.hpp"
#include "notify/target.hpp"

namespace canary::notify {

class HttpNotifier final : public Notifier {
 public:
  struct Parts {
    const base::Clock& clock;
    std::function<void(std::function<void()>)> post;  // onto the control thread; any thread
    OnSettled settled;
    Environment environment = ::getenv;  // asked by use() alone
    Pace pace{};
    std::uint64_t seed = base::random_seed();
    MakeThread make_thread = nullptr;  // as Lane's own
  };
  explicit HttpNotifier(Parts parts);

  /// Our own listeners, to which nothing is sent. Before the first use().
  void forbid(std::vector<config::ListenAddress> own) { common_.own = std::move(own); }

  void use(const std::vector<config::Notify>& receivers, const std::string& status_url) override;
  std::vector<Message> messages_for(const Notice& notice) const override;
  void send(const std::vector<Message>& messages) override;
  std::vector<ReceiverView> receivers() const override;
  void tick() override;

 private:
  struct Receiver {
    Target target;
    std::unique_ptr<Lane> lane;   // none: the log
    std::uint64_t delivered = 0;  // by the log
  };
  static bool was_told(const Target& target, const std::vector<Receiver>& before);
  Receiver* find(const std::string& key);
  Receiver receiver_of(Target target, std::vector<Receiver>& before);
  void leave(std::unique_ptr<Lane> lane);
  void drop(const Message& message);

  Parts parts_;
  Lane::Common common_;
  base::Random random_;
  std::string status_url_;
  std::vector<Receiver> receivers_;             // in the file's order
  std::vector<std::unique_ptr<Lane>> leaving_;  // of receivers that are gone, while a try ends
  base::MonoTime next_start_{};                 // of lanes that have no thread
  std::uint64_t removed_dropped_ = 0;           // messages of receivers that are gone
};

}  // namespace canary::notify
