// Whose doing an end by the version is, by the clock: what is waited for, and for how long.
#include "call/client_waits.hpp"

#include <catch2/catch.hpp>

namespace canary::call {
namespace {

using namespace std::chrono_literals;

/// An exchange whose head came at once and was dispatched.
struct Waits {
  Waits() {
    waits.set(false, now);
    waits.dispatched(now);
  }
  /// The client is waited for, then moves.
  Waits& client(Duration time) {
    waits.set(true, now);
    now += time;
    waits.moved(now);
    waits.set(false, now);
    return *this;
  }
  /// The version is waited for, with everything read that it has sent.
  Waits& version(Duration time) {
    waits.version_waited_for(now, now + time);
    now += time;
    return *this;
  }
  /// It sends as fast as it is read.
  Waits& flows(Duration time) {
    now += time;
    return *this;
  }
  /// The request is whole, and answered.
  Waits& answer() { return uploaded().early_answer(); }
  Waits& uploaded() {
    waits.uploaded();
    return *this;
  }
  /// The answer begins while the body is not whole.
  Waits& early_answer() {
    waits.answer_began(now);
    return *this;
  }
  Waits& client_stalls(Duration time) {
    waits.set(true, now);
    now += time;
    return *this;
  }
  bool ended_by_client() const { return waits.caused_end(now); }

  MonoTime now{1h};
  ClientWaits waits{now};
};

}  // namespace

TEST_CASE("An end while the client is waited for is its own once it has been silent for 200 ms") {
  CHECK_FALSE(Waits().client_stalls(199ms).ended_by_client());
  CHECK(Waits().client_stalls(200ms).ended_by_client());
  CHECK(Waits().version(1min).client_stalls(200ms).ended_by_client());
  CHECK_FALSE(Waits().version(1min).client_stalls(199ms).ended_by_client());
  CHECK(Waits().version(1min).answer().version(1min).client_stalls(200ms).ended_by_client());
}

TEST_CASE("Who moves now and then is not silent") {
  Waits each;
  each.version(10s);
  for (int i = 0; i < 20; ++i) {
    each.client_stalls(150ms);
    each.waits.moved(each.now);
  }
  CHECK_FALSE(each.client_stalls(150ms).ended_by_client());
}

TEST_CASE("A stall is remembered until it is the version that is mostly waited for, for 200 ms") {
  CHECK(Waits().version(5s).client(1s).version(199ms).ended_by_client());
  CHECK_FALSE(Waits().version(5s).client(1s).version(200ms).ended_by_client());
  // What the version sent before it gave up is still on its way, however long that takes.
  CHECK(Waits().answer().version(5s).client(1s).flows(3s).ended_by_client());
  CHECK(Waits().answer().version(9s).client(1s).version(4s).ended_by_client());
  CHECK_FALSE(Waits().answer().version(9s).client(1s).version(5s).ended_by_client());
  CHECK(Waits().answer().version(9s).client(1s).flows(6s).version(5s).ended_by_client());
  CHECK_FALSE(Waits().answer().version(9s).client(1s).flows(6s).version(6s).ended_by_client());
  // A stall of the upload is none of the answer's.
  CHECK_FALSE(Waits().version(5s).client(1s).answer().ended_by_client());
  // A later exchange on another connection begins anew.
  Waits again;
  again.client(1s).waits.dispatched(again.now);
  CHECK_FALSE(again.ended_by_client());
}

TEST_CASE("Half of the request's time, or of the answer's, is the client's when it used it up") {
  const auto drips = [](Waits& waits, int times) -> Waits& {
    for (int i = 0; i < times; ++i) waits.client(100ms);
    return waits;
  };
  Waits few, request, answer, prompt;
  CHECK_FALSE(drips(few, 1).ended_by_client());
  CHECK(drips(request, 2).ended_by_client());
  CHECK_FALSE(drips(request, 10).version(1201ms).ended_by_client());
  CHECK(drips(answer.version(1min).answer(), 4).version(400ms).ended_by_client());
  CHECK_FALSE(drips(prompt.version(1min).answer(), 4).version(401ms).ended_by_client());
}

TEST_CASE("A slow upload does not excuse what becomes of the answer, but for a very slow one") {
  const auto uploaded = [](Duration each, int times) {
    Waits waits;
    for (int i = 0; i < times; ++i) waits.client(each);
    waits.version(300ms).answer();
    return waits;
  };
  CHECK_FALSE(uploaded(100ms, 20).version(300ms).ended_by_client());
  // Servers also limit whole exchanges, by seconds.
  CHECK(uploaded(100ms, 50).version(300ms).ended_by_client());
  CHECK_FALSE(uploaded(100ms, 50).version(5s).ended_by_client());
}

TEST_CASE("While the body is not whole, the request goes on behind the answer's head") {
  const auto dripped = [](Duration each, int times) {
    Waits waits;
    for (int i = 0; i < times; ++i) waits.client(each);
    waits.early_answer();
    return waits;
  };
  CHECK(dripped(100ms, 20).ended_by_client());
  CHECK(dripped(100ms, 20).flows(2s).ended_by_client());
  CHECK_FALSE(dripped(100ms, 20).flows(2001ms).ended_by_client());
  // Who sends promptly is no excuse.
  CHECK_FALSE(dripped(10ms, 19).ended_by_client());
  CHECK_FALSE(dripped(10ms, 19).client(9ms).ended_by_client());
  CHECK_FALSE(Waits().version(1s).client(199ms).early_answer().version(1s).ended_by_client());
  // With the rest of the body the request is over: what it took says nothing of the answer.
  CHECK_FALSE(dripped(100ms, 20).uploaded().ended_by_client());
  CHECK(dripped(100ms, 50).uploaded().ended_by_client());
}

TEST_CASE("A stall of the upload counts behind the answer's head while the body is not whole") {
  const auto stalled = [] { return Waits().version(5s).client(1s).early_answer(); };
  CHECK(stalled().ended_by_client());
  CHECK(stalled().version(199ms).ended_by_client());
  CHECK_FALSE(stalled().version(200ms).ended_by_client());
  CHECK_FALSE(stalled().uploaded().ended_by_client());
  // A stall of the answer outlives the request.
  CHECK(stalled().version(9s).client(1s).uploaded().version(4s).ended_by_client());
}

TEST_CASE("What a client takes to send its head is nothing to the version") {
  ClientWaits waits(MonoTime(1h));
  const MonoTime now = MonoTime(1h) + 9s;
  waits.set(false, now);
  waits.dispatched(now);
  CHECK(waits.total(now) == 9s);
  CHECK_FALSE(waits.caused_end(now + 10ms));
}

}  // namespace canary::call
