#include "notify/http_notifier.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "notify/signature.hpp"
#include "support/raw_client.hpp"
#include "unit/notify/notices.hpp"

using namespace canary;
using namespace canary::notify;
using namespace canary::notify_test;
using namespace std::chrono_literals;
using Kind = config::Notify::Kind;

namespace {

// A receiver that answers with the next of `answers`, then 200; it keeps what it got.
class Inbox {
 public:
  explicit Inbox(std::deque<net::HttpResponse> answers = {})
      : answers_(std::move(answers)),
        server_([this](const net::HttpRequest& request, const net::Respond& respond) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          came_.notify_all();
          if (silent_) return held_.push_back(respond);
          net::HttpResponse answer;
          if (!answers_.empty()) {
            answer = answers_.front();
            answers_.pop_front();
          }
          respond(answer);
        }) {}
  std::string url(const std::string& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(server_.port) + path;
  }
  unsigned short port() const { return server_.port; }
  void never_answer() {
    const std::lock_guard lock(mutex_);
    silent_ = true;
  }
  /// The first `count` requests, once they are there.
  std::vector<net::HttpRequest> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, 10s, [&] { return requests_.size() >= count; }))
      throw std::runtime_error("no message came");
    return requests_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool silent_ = false;
  std::vector<net::Respond> held_;
  std::vector<net::HttpRequest> requests_;
  std::deque<net::HttpResponse> answers_;
  test::RunningServer server_;
};

struct Fixture {
  base::SystemClock clock;
  bool no_threads = false;  // the process can make no more
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::pair<std::string, std::string>> settled;
  HttpNotifier notifier{parts()};

  HttpNotifier::Parts parts() {
    Pace pace;
    pace.least = 1ms;
    pace.slow = 2ms;
    pace.most = 10ms;
    return {.clock = clock,
            .post = [](const std::function<void()>& call) { call(); },
            .settled =
                [this](const std::string& id, const std::string& receiver) {
                  const std::lock_guard lock(mutex);
                  settled.emplace_back(id, receiver);
                  came.notify_all();
                },
            .environment =
                [](const char* name) {
                  return std::string_view(name) == "KEY" ? "whsec_aGVsbG8=" : nullptr;
                },
            .pace = pace,
            .seed = 1,
            .make_thread =
                [this](auto run) {
                  if (no_threads) throw std::system_error(EAGAIN, std::generic_category());
                  return std::jthread(std::move(run));
                }};
  }
  std::vector<std::pair<std::string, std::string>> wait_settled(std::size_t count) {
    std::unique_lock lock(mutex);
    if (!came.wait_for(lock, 10s, [&] { return settled.size() >= count; }))
      throw std::runtime_error("nothing was settled");
    return settled;
  }
  ReceiverView view(std::size_t at) const { return notifier.receivers().at(at); }
  void wait_for_failure_of(std::size_t at) {
    for (int i = 0; i < 10'000 && view(at).failures == 0; ++i) std::this_thread::sleep_for(1ms);
    REQUIRE(view(at).failures > 0);
  }
  void tell(const std::string& id) {
    Notice notice = rollback_notice();
    notice.id = id;
    notice.time = clock.wall();
    notifier.send(notifier.messages_for(notice));
  }
};

config::Notify webhook(const std::string& url, std::vector<config::NoticeKind> on = {}) {
  return {Kind::webhook, url, "", "", "", std::move(on)};
}

net::HttpResponse answer(int status, std::string body = "{}",
                         std::vector<std::pair<std::string, std::string>> headers = {}) {
  return {status, "application/json", std::move(body), std::move(headers)};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a webhook gets a signed CloudEvent, and the message is settled") {
  Inbox inbox;
  config::Notify entry = webhook(inbox.url("/hook?a=b"));
  entry.secret_env = "KEY";
  notifier.use({entry}, status_url);
  tell("id-1");
  const net::HttpRequest request = inbox.wait_for(1).at(0);
  CHECK(request.method == "POST");
  CHECK(request.path == "/hook");
  CHECK(request.query == "a=b");
  CHECK(request.header("content-type") == "application/cloudevents+json; charset=UTF-8");
  CHECK(request.header("webhook-id") == "id-1");
  const std::string timestamp(request.header("webhook-timestamp"));
  CHECK(std::abs(std::stol(timestamp) - ::time(nullptr)) < 60);
  CHECK(request.header("webhook-signature") == sign("hello", "id-1", timestamp, request.body));
  CHECK(boost::json::parse(request.body).at("id") == "id-1");
  const auto done = wait_settled(1);
  CHECK(done.at(0).first == "id-1");
  CHECK(done.at(0).second == notifier.messages_for(rollback_notice()).at(0).receiver);
  CHECK(view(0).delivered == 1);
  CHECK(view(0).waiting == 0);
}

TEST_CASE_METHOD(Fixture, "Slack gets its text, unsigned") {
  Inbox inbox;
  notifier.use({{Kind::slack, inbox.url(), "", "#incidents", "", {}}}, status_url);
  tell("id-1");
  const net::HttpRequest request = inbox.wait_for(1).at(0);
  CHECK(request.header("content-type") == "application/json");
  CHECK_FALSE(request.has_header("webhook-id"));
  CHECK(boost::json::parse(request.body).at("channel") == "#incidents");
  CHECK(view(0).receiver == "slack #incidents");
}

TEST_CASE_METHOD(Fixture, "a failure is tried again with the same id and the same bytes") {
  Inbox inbox({answer(500), answer(429), answer(302, "", {{"Location", "/elsewhere"}}), answer(404),
               answer(200, std::string(1 << 20, 'x'))});
  notifier.use({webhook(inbox.url())}, status_url);
  tell("id-1");
  wait_settled(1);
  const auto requests = inbox.wait_for(5);
  CHECK(requests.size() == 5);
  for (const auto& request : requests) {
    CHECK(request.path == "/hook");
    CHECK(request.body == requests[0].body);
    CHECK(request.header("webhook-id") == "id-1");
  }
  CHECK(view(0).failures == 4);
  CHECK(view(0).delivered == 1);
  CHECK(view(0).last_error.empty());
}

TEST_CASE_METHOD(Fixture, "a receiver is told only of the kinds it wants") {
  notifier.use({webhook("http://127.0.0.1:1/a", {config::NoticeKind::phase}),
                webhook("http://127.0.0.1:1/b", {config::NoticeKind::rollback}),
                webhook("http://127.0.0.1:1/c")},
               status_url);
  CHECK(notifier.messages_for(rollback_notice()).size() == 2);
  CHECK(notifier.messages_for(notice_of(config::NoticeKind::phase, "phase", "")).size() == 2);
  CHECK(notifier.messages_for(notice_of(config::NoticeKind::hold, "held", "")).size() == 1);
}

TEST_CASE_METHOD(Fixture, "a receiver that never answers delays no other, and no end") {
  Inbox silent, good;
  silent.never_answer();
  notifier.use({webhook(silent.url()), webhook(good.url())}, status_url);
  tell("id-1");
  tell("id-2");
  silent.wait_for(1);
  CHECK(wait_settled(2).at(1).first == "id-2");
  CHECK(view(0).waiting == 2);
  CHECK(view(1).delivered == 2);
}  // and the destructor ends the try that is under way

TEST_CASE_METHOD(Fixture, "why a receiver fails is shown without its URL") {
  Inbox slack(std::deque<net::HttpResponse>(1000, answer(404, "channel_not_found")));
  Inbox other(std::deque<net::HttpResponse>(1000, answer(500, "Cannot POST /hook/secret")));
  notifier.use({webhook(slack.url("/hook/secret")),
                webhook(other.url("/hook/secret")),
                webhook("http://169.254.169.254/secret"),
                {Kind::slack, "", "NOT_SET", "", "", {}}},
               status_url);
  CHECK(view(3).last_error == "notify[3].url_env names an environment variable that is not set");
  tell("id-1");
  slack.wait_for(2);
  other.wait_for(2);
  for (const std::size_t at : {0, 1, 2, 3}) wait_for_failure_of(at);
  CHECK(view(0).last_error == "HTTP 404: channel_not_found");
  CHECK(view(1).last_error == "HTTP 500");
  CHECK(view(2).last_error ==
        "refused: 169.254.169.254 is not connected to: link-local, cloud metadata");
  for (const auto& each : notifier.receivers()) {
    CHECK(each.waiting == 1);
    CHECK(each.receiver.find("secret") == std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "nothing is sent to our own listener") {
  Inbox admin;
  notifier.forbid({{"127.0.0.1", admin.port()}});
  notifier.use({webhook(admin.url())}, status_url);
  tell("id-1");
  wait_for_failure_of(0);
  CHECK(view(0).last_error ==
        "refused: 127.0.0.1 is not connected to: this gateway's own listener");
}

TEST_CASE_METHOD(Fixture, "what waits for a receiver stays over a reload that keeps it") {
  Inbox inbox;
  inbox.never_answer();
  notifier.use({webhook(inbox.url())}, status_url);
  tell("id-1");
  inbox.wait_for(1);
  notifier.use({{Kind::log, "", "", "", "", {}}, webhook(inbox.url())}, status_url);
  CHECK(view(1).waiting == 1);
  CHECK(settled.empty());
}

TEST_CASE_METHOD(Fixture,
                 "what waits for a receiver that is gone is dropped, counted and settled") {
  Inbox inbox;
  inbox.never_answer();
  notifier.use({webhook(inbox.url())}, status_url);
  tell("id-1");
  tell("id-2");
  inbox.wait_for(1);
  notifier.use({}, status_url);
  CHECK(wait_settled(2).size() == 2);
  notifier.send({{"id-3", "webhook http://gone 123", "{}", clock.wall()}});
  CHECK(wait_settled(3).at(2).first == "id-3");
  REQUIRE(notifier.receivers().size() == 1);
  CHECK(view(0).receiver == "removed");
  CHECK(view(0).dropped == 3);
}

TEST_CASE_METHOD(Fixture, "a message that has waited for too long is given up") {
  auto impatient = parts();
  impatient.pace.give_up = 1ms;
  HttpNotifier short_lived(std::move(impatient));
  short_lived.use({webhook("http://127.0.0.1:1/")}, status_url);
  const std::string key = short_lived.messages_for(rollback_notice()).at(0).receiver;
  short_lived.send({{"old", key, "{}", clock.wall()}});
  CHECK(wait_settled(1).at(0).first == "old");
  CHECK(short_lived.receivers().at(0).dropped == 1);
}

TEST_CASE_METHOD(Fixture, "a message that the wall clock calls too old is sent all the same") {
  Inbox inbox;
  notifier.use({webhook(inbox.url())}, status_url);
  const std::string key = notifier.messages_for(rollback_notice()).at(0).receiver;
  notifier.send({{"old", key, "{}", clock.wall() - 24h * 365}});
  inbox.wait_for(1);
  CHECK(wait_settled(1).at(0).first == "old");
  CHECK(view(0).delivered == 1);
}

TEST_CASE_METHOD(Fixture, "the log is a receiver too, and is settled at once") {
  notifier.use({{Kind::log, "", "", "", "", {}}}, status_url);
  tell("id-1");
  CHECK(settled.size() == 1);
  CHECK(view(0).receiver == "log");
  CHECK(view(0).delivered == 1);
  notifier.use({{Kind::log, "", "", "", "", {}}}, status_url);
  CHECK(view(0).delivered == 1);
}

TEST_CASE_METHOD(Fixture, "receivers that look alike have names of their own") {
  notifier.use({webhook("http://127.0.0.1:1/a"), webhook("http://127.0.0.1:1/b"),
                webhook("http://127.0.0.1:12/a")},
               status_url);
  CHECK(view(0).receiver == "webhook http://127.0.0.1:1");
  CHECK(view(1).receiver == "webhook http://127.0.0.1:1 (2)");
  CHECK(view(2).receiver == "webhook http://127.0.0.1:12");
}

namespace {

/// A try that hangs where nothing can stop it, as in a read from a mount that has gone away:
/// whoever asks for the wall clock off the test's thread waits until release().
class HangingClock final : public base::Clock {
 public:
  base::MonoTime mono() const override { return clock_.mono(); }
  base::WallTime wall() const override {
    if (std::this_thread::get_id() == own_) return clock_.wall();
    std::unique_lock lock(mutex_);
    hangs_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
    return clock_.wall();
  }
  bool wait_until_it_hangs() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [this] { return hangs_; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  base::SystemClock clock_;
  std::thread::id own_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool hangs_ = false;
  bool released_ = false;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a receiver whose try hangs can be removed without waiting for it") {
  HangingClock hanging;
  HttpNotifier own({.clock = hanging,
                    .post = [](const std::function<void()>& call) { call(); },
                    .settled = parts().settled,
                    .pace = parts().pace,
                    .seed = 1});
  own.use({webhook("http://127.0.0.1:1/")}, status_url);
  own.send({{"id-1", own.messages_for(rollback_notice()).at(0).receiver, "{}", clock.wall()}});
  REQUIRE(hanging.wait_until_it_hangs());
  own.use({}, status_url);  // on the control thread, which judges canaries
  CHECK(wait_settled(1).at(0).first == "id-1");
  CHECK(own.receivers().at(0).dropped == 1);
  hanging.release();
}

TEST_CASE_METHOD(Fixture,
                 "a receiver without a thread is told of, keeps its messages, and gets one") {
  Inbox inbox;
  no_threads = true;
  notifier.use({webhook(inbox.url())}, status_url);
  tell("first");
  CHECK_THAT(view(0).last_error, Catch::Contains("no thread could be made"));
  CHECK(view(0).waiting == 1);
  notifier.tick();
  CHECK(view(0).waiting == 1);
  SECTION("at the next message") {
    no_threads = false;
    tell("second");
    CHECK(wait_settled(2).front().first == "first");
  }
  SECTION("at the next reload") {
    no_threads = false;
    notifier.use({webhook(inbox.url())}, status_url);
    CHECK(wait_settled(1).front().first == "first");
  }
  SECTION("as time passes") {
    no_threads = false;
    for (int i = 0; i < 10'000 && view(0).delivered == 0; ++i) {
      notifier.tick();
      std::this_thread::sleep_for(1ms);
    }
    CHECK(view(0).delivered == 1);
  }
  SECTION("not once it is gone") {
    notifier.use({}, status_url);
    CHECK(wait_settled(1).front().first == "first");  // given up
    return;
  }
  CHECK(view(0).last_error.empty());
}
