// Asks our own data listener over the wire which version serves, as a client would: the last step
// of a rollback's proof. On a thread of its own, one question at a time; answers there.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "config/config.hpp"

namespace canary::run {

class OwnVersion {
 public:
  using Answer = std::function<void(base::Result<std::string>)>;

  /// `listener`: where the data plane listens; the unspecified address is asked as loopback.
  explicit OwnVersion(const config::ListenAddress& listener);
  /// Does not wait for an answer that is still on its way.
  ~OwnVersion();

  /// The body of GET /internal/model-version?model=..., or why there is none, within 2 s of its
  /// turn. Too many questions at once are answered with an error.
  void ask(const std::string& model, Answer answer);

 private:
  struct Question {
    std::string model;
    Answer answer;
  };
  void run(const std::stop_token& stop);
  base::Result<std::string> fetch(const std::string& model, const std::stop_token& stop) const;

  std::string base_url_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Question> questions_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace canary::run
