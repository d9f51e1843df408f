#include "base/random.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <set>

using namespace canary::base;

TEST_CASE("the same seed gives the same numbers, another seed gives others", "[random]") {
  Random a(7), b(7), c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    REQUIRE(value == b.next());
    differs |= value != c.next();
  }
  CHECK(differs);
}

TEST_CASE("numbers below a bound are uniform and below it", "[random]") {
  Random random(1);
  constexpr int draws = 100000;
  std::array<int, 10> hits{};
  for (int i = 0; i < draws; ++i) {
    const auto value = random.below(10);
    REQUIRE(value < 10);
    ++hits[value];
  }
  for (const int n : hits) CHECK(std::abs(n - draws / 10) < 5 * 95);  // sigma is 95
  CHECK(random.below(1) == 0);
}

TEST_CASE("unit numbers lie in [0, 1) and average a half", "[random]") {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const double value = random.unit();
    REQUIRE(value >= 0);
    REQUIRE(value < 1);
    sum += value;
  }
  CHECK(sum / 100000 == Approx(0.5).margin(0.01));
}

TEST_CASE("identifiers are version 7 UUIDs that begin with their milliseconds", "[random]") {
  Random random(3);
  // The time of RFC 9562, appendix A.6.
  const WallTime now{std::chrono::milliseconds(0x017F22E279B0)};
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = uuid_v7(now, random);
    REQUIRE(id.size() == uuid_length);
    REQUIRE(id.substr(0, 15) == "017f22e2-79b0-7");
    REQUIRE(std::string("89ab").find(id[19]) != std::string::npos);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      REQUIRE((id[at] == '-') == dash);
      if (!dash) REQUIRE(std::string("0123456789abcdef").find(id[at]) != std::string::npos);
    }
    REQUIRE(seen.insert(id).second);
  }
}

TEST_CASE("seeds from the kernel differ", "[random]") { CHECK(random_seed() != random_seed()); }
