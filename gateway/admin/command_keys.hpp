// Commands that are sent with an Idempotency-Key (IETF draft, idempotency-key-header): sent again
// with the same key they get the same answer and nothing is done again, also over a restart. Kept
// for a day of the gateway's time, up to command_capacity of them and max_bytes. Control thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/http_server.hpp"
#include "store/journal.hpp"

namespace canary::admin {

/// Where keys outlive the process, and the clock that they age by.
struct CommandMemory {
  std::vector<store::CommandRow> known{};  // from before
  std::function<void(store::CommandRow)> remember = [](const store::CommandRow&) {};
  std::function<void(const std::string& key)> forget = [](const std::string&) {};
  std::function<base::MonoTime()> now = [] { return base::MonoTime{}; };
};

class CommandKeys {
 public:
  static constexpr base::Duration keep_for = std::chrono::hours(24);
  static constexpr std::size_t max_key = 255;
  static constexpr std::size_t max_bytes = 16u << 20;  // of the answers

  explicit CommandKeys(CommandMemory memory);

  /// Runs the command through `run` with the Respond that its answer goes to, or answers in its
  /// place: what it was answered before, 409 while it is under way, 422 for another command's key,
  /// 400 for what is no key. A request without a key is just run.
  void handle(const net::HttpRequest& request, net::Respond respond,
              const std::function<void(net::Respond)>& run);

 private:
  struct Known {
    std::string fingerprint;
    int status = 0;  // 0: not answered
    std::string body;
    bool under_way = false;
    base::MonoTime since{};
  };
  /// Outlives the keys when the answer comes later than that.
  struct Book;
  net::Respond follow(const std::string& key, net::Respond respond);

  std::shared_ptr<Book> book_;
};

}  // namespace canary::admin
