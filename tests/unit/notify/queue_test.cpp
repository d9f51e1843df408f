#include "notify/queue.hpp"

#include <catch2/catch.hpp>

using namespace canary;
using namespace canary::notify;
using namespace std::chrono_literals;

namespace {

const Outcome delivered{};
const Outcome trouble{Outcome::Kind::trouble, "HTTP 500"};
const Outcome refused{Outcome::Kind::refused, "HTTP 404"};

struct Fixture {
  base::ManualClock clock;
  Pace pace;
  Queue queue{Pace{}, 7};

  void push(const std::string& id) {
    queue.push({id, "r", "body of " + id, clock.wall()}, clock.mono());
  }
  /// Which message is sent now, and what comes of it; empty: none is due.
  std::string send(const Outcome& outcome) {
    const Message* message = queue.next(clock.mono());
    const std::string id = message ? message->id : "";
    queue.settle(outcome, clock.mono());
    return id;
  }
  /// Waits until something may be sent; how long that was.
  base::Duration wait() {
    const auto wake = queue.wake();
    REQUIRE(wake);
    const base::Duration waited = std::max(*wake - clock.mono(), base::Duration::zero());
    clock.advance(waited);
    return waited;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "messages are sent in the order of their decisions") {
  for (const auto* id : {"a", "b", "c"}) push(id);
  CHECK(send(delivered) == "a");
  CHECK(send(delivered) == "b");
  CHECK(send(delivered) == "c");
  CHECK(send(delivered).empty());
  CHECK_FALSE(queue.wake());
}

TEST_CASE_METHOD(Fixture, "a message that waits already is not queued again") {
  push("a");
  push("a");
  CHECK(queue.size() == 1);
  REQUIRE(queue.next(clock.mono()));
  push("a");  // also while it is on its way
  CHECK(queue.size() == 1);
  queue.settle(delivered, clock.mono());
  CHECK(queue.size() == 0);
}

TEST_CASE_METHOD(Fixture,
                 "a receiver in trouble is tried less and less often, up to five minutes") {
  push("a");
  base::Duration longest{};
  for (unsigned failures = 1; failures <= 40; ++failures) {
    CHECK(send(trouble) == "a");
    const base::Duration waited = wait();
    CHECK(waited >= 1s);
    CHECK(waited <= 5min);
    if (failures < 5) CHECK(waited <= 1s * (1 << failures));
    longest = std::max(longest, waited);
  }
  CHECK(longest > 2min);
}

TEST_CASE_METHOD(Fixture,
                 "while a receiver is in trouble everything waits, the oldest goes first") {
  push("a");
  push("b");
  CHECK(send(trouble) == "a");
  CHECK(send(delivered).empty());
  wait();
  CHECK(send(delivered) == "a");
  CHECK(send(delivered) == "b");
}

TEST_CASE_METHOD(Fixture, "a message that fails again and again no longer holds back the newer") {
  push("poison");
  for (unsigned i = 0; i < pace.patience; ++i) {
    CHECK(send(trouble) == "poison");
    if (i + 1 < pace.patience) wait();
  }
  push("new");
  wait();
  CHECK(send(delivered) == "new");
  CHECK(send(delivered).empty());
  wait();
  CHECK(send(delivered) == "poison");
}

TEST_CASE_METHOD(Fixture, "what is refused is put aside, and tried again more slowly") {
  push("bad");
  push("good");
  CHECK(send(refused) == "bad");
  CHECK(wait() == 1s);
  CHECK(send(delivered) == "good");
  const base::Duration waited = wait();
  CHECK(waited >= 8s);
  CHECK(waited <= 5min);
  push("newer");
  CHECK(send(delivered) == "newer");  // before what was refused, although that is due
  CHECK(send(delivered) == "bad");
}

TEST_CASE_METHOD(Fixture, "Retry-After is honoured within the bound") {
  push("a");
  Outcome later = trouble;
  later.retry_after = 90s;
  send(later);
  CHECK(wait() == 90s);
  later.retry_after = 24h;
  send(later);
  CHECK(wait() == 5min);
  later.retry_after = 0s;
  send(later);
  CHECK(wait() >= 1s);
}

TEST_CASE_METHOD(Fixture, "a success ends the trouble") {
  push("a");
  for (int i = 0; i < 4; ++i) {
    send(trouble);
    wait();
  }
  send(delivered);
  push("b");
  CHECK(send(trouble) == "b");
  CHECK(wait() <= 2s);
}

TEST_CASE_METHOD(Fixture, "what is older than three days is given up") {
  push("old");
  clock.advance(24h);
  push("young");
  clock.advance(48h - 1s);
  CHECK(queue.take_expired(clock.mono()).empty());
  clock.advance(1s);
  const auto expired = queue.take_expired(clock.mono());
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].id == "old");
  CHECK(send(delivered) == "young");
}

TEST_CASE_METHOD(Fixture, "a clock that is set makes no message too old") {
  Queue restarted(Pace{}, 1);
  // From before a restart, and dated by a clock that was a year ahead or behind.
  for (const auto age : {-24h * 365, 24h * 365})
    restarted.push({age < 0h ? "ahead" : "behind", "r", "", clock.wall() - age}, clock.mono());
  CHECK(restarted.take_expired(clock.mono()).empty());
  CHECK(restarted.take_expired(clock.mono() + 72h - 1s).empty());
  CHECK(restarted.take_expired(clock.mono() + 72h).size() == 2);
}

TEST_CASE("a full queue gives up what decided nothing first") {
  Pace pace;
  pace.capacity = 3;
  Queue queue(pace, 1);
  const auto push = [&queue](const std::string& id, bool harmless) {
    const auto dropped = queue.push({id, "r", "", {}, harmless}, {});
    return dropped ? dropped->id : std::string();
  };
  push("rollback", false);
  push("complaint 1", true);
  push("complaint 2", true);
  CHECK(push("complaint 3", true) == "complaint 1");
  CHECK(push("verified", false) == "complaint 2");
  CHECK(push("complaint 4", true) == "complaint 3");
  CHECK(push("watched", false) == "complaint 4");
  CHECK(push("resume", false) == "rollback");
}

TEST_CASE("a full queue gives up its oldest message, but not the one on its way") {
  Pace pace;
  pace.capacity = 2;
  Queue queue(pace, 1);
  const auto push = [&queue](const std::string& id) { return queue.push({id, "r", "", {}}, {}); };
  CHECK_FALSE(push("a"));
  CHECK_FALSE(push("b"));
  const auto first = push("c");
  REQUIRE(first);
  CHECK(first->id == "a");
  REQUIRE(queue.next(base::MonoTime(1h))->id == "b");
  const auto second = push("d");
  REQUIRE(second);
  CHECK(second->id == "c");
  queue.settle(delivered, base::MonoTime(1h));
  CHECK(queue.next(base::MonoTime(1h))->id == "d");
  CHECK_FALSE(push("a"));  // it may come again
  CHECK(queue.take_all().size() == 2);
  CHECK(queue.size() == 0);
}

TEST_CASE("the back-off is drawn from the whole range, and repeats with its seed") {
  base::Random one(42), again(42);
  base::Duration least = 1h, most{};
  for (int i = 0; i < 1000; ++i) {
    const auto drawn = back_off(1s, 5min, 6, one);
    CHECK(drawn == back_off(1s, 5min, 6, again));
    least = std::min(least, drawn);
    most = std::max(most, drawn);
  }
  CHECK(least >= 1s);
  CHECK(least < 2s);
  CHECK(most > 62s);
  CHECK(most < 64s);
  CHECK(back_off(1s, 5min, 4'000'000'000u, one) < 5min);
}

TEST_CASE("Retry-After is seconds or a date") {
  const base::WallTime now(784111770s);  // Sun, 06 Nov 1994 08:49:30 GMT
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after("0", now) == 0s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == 7s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now) == 0s);
  CHECK(parse_retry_after("999999999999", now) == 365 * 24h);
  for (const auto* bad : {"", "-1", "1.5", "soon", "5 s", "Sun, 06 Nov 1994 08:49:37 CET",
                          "Sun, 06 Foo 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(parse_retry_after(bad, now));
  }
}
