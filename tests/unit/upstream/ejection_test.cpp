#include "upstream/ejection.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "base/random.hpp"

using namespace std::chrono_literals;

namespace canary::upstream {
namespace {

constexpr MonoTime start{Duration(1h)};
constexpr double middle = 0.5;  // neither early nor late: the plain back-off

Ejection ejected_at(MonoTime now) {
  Ejection ejection;
  for (int i = 0; i < 3; ++i) ejection.failed(Try::in_use, now, 3, middle);
  return ejection;
}

}  // namespace

TEST_CASE("As many failures in a row as configured eject, and not one less", "[ejection]") {
  Ejection ejection;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) {
      CHECK_FALSE(ejection.failed(Try::in_use, start, 5, middle));
      CHECK(ejection.admits(start));
    }
    CHECK_FALSE(ejection.connected());  // and the row begins anew
  }
  for (int i = 0; i < 4; ++i) ejection.failed(Try::in_use, start, 5, middle);
  CHECK(ejection.failed(Try::in_use, start, 5, middle));
  CHECK(ejection.ejected());
  CHECK_FALSE(ejection.admits(start));
}

TEST_CASE("With 0 nothing is ever ejected", "[ejection]") {
  Ejection ejection;
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(ejection.failed(Try::in_use, start, 0, middle));
  CHECK(ejection.admits(start));
}

TEST_CASE("The back-off doubles from 1 s to 30 s, a quarter more or less", "[ejection]") {
  const Duration plain[] = {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s};
  for (int n = 0; n < static_cast<int>(std::size(plain)); ++n) {
    CHECK(Ejection::back_off(n, 0.5) == plain[n]);
    CHECK(Ejection::back_off(n, 0) == plain[n] * 3 / 4);
    CHECK(Ejection::back_off(n, 0.999) < plain[n] * 5 / 4);
  }
  CHECK(Ejection::back_off(1'000'000, 0.5) == 30s);
}

TEST_CASE("Behind the back-off one request tries, and the others do not", "[ejection]") {
  Ejection ejection = ejected_at(start);
  CHECK_FALSE(ejection.admits(start + 999ms));
  CHECK(ejection.admits(start + 1s));
  ejection.begin_try();
  CHECK(ejection.trying());
  CHECK_FALSE(ejection.admits(start + 1s));
  SECTION("one that connects brings it back") {
    CHECK(ejection.connected());
    CHECK_FALSE(ejection.ejected());
    CHECK(ejection.admits(start + 1s));
  }
  SECTION("one that fails doubles the back-off") {
    CHECK_FALSE(ejection.failed(Try::half_open, start + 1s, 3, middle));
    CHECK_FALSE(ejection.admits(start + 2999ms));
    CHECK(ejection.admits(start + 3s));
  }
  SECTION("one whose client leaves makes room for the next") {
    ejection.abandon_try();
    CHECK(ejection.admits(start + 1s));
  }
}

TEST_CASE("One that is hastened is out for about twice as long as it could not be connected to",
          "[ejection]") {
  // However long its back-off was: after an outage of both versions the canary must not be charged
  // with much more than its own part of it.
  const auto gone_for = GENERATE(0ms, 1ms, 30ms, 200ms, 700ms, 5s);
  const int failed_before = GENERATE(0, 1, 10);
  const bool ejected = GENERATE(true, false);
  const double chance = GENERATE(0.0, 0.999);
  CAPTURE(gone_for, failed_before, ejected, chance);
  Ejection ejection;
  if (ejected) {
    ejection = ejected_at(start - 1s);
    for (int i = 0; i < failed_before; ++i) ejection.failed(Try::half_open, start - 1s, 3, middle);
  } else {
    ejection.failed(Try::in_use, start, 3, middle);
  }
  ejection.hasten(start);
  MonoTime now = start;  // a request in every millisecond
  while (now < start + gone_for || !ejection.admits(now)) {
    if (ejection.admits(now)) {
      const Try how = ejection.ejected() ? Try::half_open : Try::in_use;
      if (how == Try::half_open) ejection.begin_try();
      ejection.failed(how, now, 3, chance);
    }
    now += 1ms;
  }
  CHECK(now - start <= gone_for * 5 / 2 + 50ms);
  const bool was_ejected = ejection.ejected();
  CHECK(ejection.connected() == was_ejected);
  for (int i = 0; i < 3; ++i) ejection.failed(Try::in_use, now, 3, middle);
  CHECK_FALSE(ejection.admits(now + 999ms));  // all is as it was at first
}

TEST_CASE("Connects that began before the ejection do not lengthen it", "[ejection]") {
  Ejection ejection = ejected_at(start);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(ejection.failed(Try::in_use, start, 3, middle));
  CHECK(ejection.admits(start + 1s));
  CHECK(ejection.connected());  // and one of them may still succeed
}

TEST_CASE("Last resorts that fail do not lengthen the back-off, however many they are",
          "[ejection]") {
  Ejection ejection = ejected_at(start);
  for (int i = 0; i < 100; ++i) {
    ejection.begin_try();
    CHECK_FALSE(ejection.failed(Try::last_resort, start + 500ms, 3, middle));
  }
  CHECK_FALSE(ejection.admits(start + 999ms));
  CHECK(ejection.admits(start + 1s));
}

TEST_CASE("A probe that succeeds after the last failure stands for the rest of the back-off",
          "[ejection]") {
  Ejection ejection = ejected_at(start);
  CHECK_FALSE(ejection.admits(start + 1ms, start - 1ms));
  CHECK_FALSE(ejection.admits(start + 1ms, start));
  CHECK(ejection.admits(start + 2ms, start + 1ms));
  ejection.begin_try();
  CHECK_FALSE(ejection.admits(start + 2ms, start + 1ms));
  ejection.failed(Try::half_open, start + 2ms, 3, middle);
  CHECK_FALSE(ejection.admits(start + 3ms, start + 1ms));
}

TEST_CASE("Whatever happens: out is bounded, and one try at a time", "[ejection]") {
  // Against a plain account of what was told, with every number of requests at the same moment.
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const std::uint32_t eject_after = 1 + random.below(6);
    Ejection ejection;
    MonoTime now = start;
    std::uint32_t row = 0;
    std::optional<Try> trying;
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(random.below(3000));
      if (!trying && ejection.ejected() && random.below(2) == 0) {
        trying = ejection.admits(now) ? Try::half_open : Try::last_resort;
        ejection.begin_try();
      }
      CHECK(ejection.trying() == trying.has_value());
      if (trying) CHECK_FALSE(ejection.admits(now));
      const bool was_ejected = ejection.ejected();
      const Try how = trying && random.below(2) == 0 ? *trying : Try::in_use;
      switch (random.below(8)) {
        case 0:
          CHECK(ejection.connected() == was_ejected);
          row = 0;
          trying.reset();
          break;
        case 1:
          if (how == Try::in_use) break;
          ejection.abandon_try();
          trying.reset();
          break;
        default:
          if (how == Try::in_use && was_ejected && random.below(4) > 0) break;
          ++row;
          CHECK(ejection.failed(how, now, eject_after, random.unit()) ==
                (!was_ejected && row >= eject_after));
          if (how != Try::in_use) trying.reset();
      }
      CHECK(ejection.ejected() == (row >= eject_after));
      // However bad it was: after the longest back-off and its quarter somebody tries.
      if (!trying) CHECK(ejection.admits(now + 37500ms));
    }
  }
}

}  // namespace canary::upstream
