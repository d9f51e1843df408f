#include "base/units.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <limits>

using namespace canary::base;
using namespace std::chrono_literals;

TEST_CASE("durations are read with their unit and written in the shortest exact form", "[units]") {
  struct Row {
    std::string text;
    Duration value;
    std::string shortest;
  };
  const Row rows[] = {
      {"500ms", 500ms, "500ms"}, {"30s", 30s, "30s"},          {"15m", 15min, "15m"},
      {"90s", 90s, "90s"},       {"120s", 120s, "2m"},         {"7d", 168h, "7d"},
      {"1h30m", 90min, "90m"},   {"1d12h", 36h, "36h"},        {"0s", 0s, "0s"},
      {"0ms", 0s, "0s"},         {"1s500ms", 1500ms, "1500ms"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_duration(row.text);
    REQUIRE(parsed);
    CHECK(*parsed == row.value);
    CHECK(format_duration(row.value) == row.shortest);
    CHECK(*parse_duration(format_duration(row.value)) == row.value);
  }
}

TEST_CASE("a duration without a unit, sign or order of units is refused in words", "[units]") {
  for (const std::string text : {"", "5", "s", "-5s", "+5s", "1.5s", "5 s", "5S", "5sec", "30m1h",
                                 "1s1s", "1h 30m", "99999999999999999999s", "1e3s"}) {
    CAPTURE(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message().find("duration") != std::string::npos);
  }
  CHECK(parse_duration("106751d"));
  CHECK_FALSE(parse_duration("106752d"));
  CHECK_FALSE(parse_duration("106751d24h"));
}

TEST_CASE("durations below a millisecond are written as fractions of one", "[units]") {
  CHECK(format_duration(100us) == "0.1ms");
  CHECK(format_duration(1500us) == "1.5ms");
}

TEST_CASE("sizes are read in binary units and written in the largest exact one", "[units]") {
  struct Row {
    std::string text;
    std::uint64_t value;
    std::string shortest;
  };
  const Row rows[] = {
      {"512", 512, "512"},          {"64KiB", 65536, "64KiB"},
      {"1024KiB", 1 << 20, "1MiB"}, {"128MiB", 128ull << 20, "128MiB"},
      {"1GiB", 1ull << 30, "1GiB"}, {"0", 0, "0"},
      {"1025", 1025, "1025"},       {"17179869183GiB", 17179869183ull << 30, "17179869183GiB"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_size(row.text);
    REQUIRE(parsed);
    CHECK(*parsed == row.value);
    CHECK(format_size(row.value) == row.shortest);
  }
  for (const std::string text : {"", "KiB", "-1", "1.5KiB", "64K", "64kb", "64 KiB",
                                 "17179869184GiB", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("percentages are numbers of per cent, with or without the sign", "[units]") {
  CHECK(*parse_percent("0.5%") == 0.5);
  CHECK(*parse_percent("0.5") == 0.5);
  CHECK(*parse_percent("150%") == 150);
  CHECK(*parse_percent("0") == 0);
  for (const std::string text :
       {"", "%", "-1", "-0", "nan", "inf", "1e2", "5%%", "5 %", "0x1", "+5"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_percent(text));
  }
}

TEST_CASE("per cent become basis points only in steps of 0.01 within 0 to 100", "[units]") {
  CHECK(*to_basis_points(0) == 0);
  CHECK(*to_basis_points(0.01) == 1);
  CHECK(*to_basis_points(12.5) == 1250);
  CHECK(*to_basis_points(99.99) == 9999);
  CHECK(*to_basis_points(100) == full_weight);
  for (const double outside :
       {-0.01, 100.01, 0.001, 33.333, 1e300, std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity()}) {
    CAPTURE(outside);
    CHECK_FALSE(to_basis_points(outside));
  }
}

TEST_CASE("every weight survives being written as per cent and read again", "[units]") {
  CHECK(format_percent(1250) == "12.5");
  CHECK(format_percent(1000) == "10");
  CHECK(format_percent(1) == "0.01");
  CHECK(format_percent(0) == "0");
  CHECK(format_percent(full_weight) == "100");
  for (unsigned weight = 0; weight <= full_weight; ++weight) {
    const auto text = format_percent(static_cast<BasisPoints>(weight));
    const auto again = to_basis_points(*parse_percent(text));
    REQUIRE(again);
    REQUIRE(*again == weight);
  }
}

TEST_CASE("numbers are written as people write them", "[units]") {
  struct Row {
    double value;
    std::string text;
  };
  const Row rows[] = {{0, "0"},
                      {-0.0, "0"},
                      {0.5, "0.5"},
                      {0.0012345, "0.001234"},
                      {12345.6, "12346"},
                      {99.5, "99.5"},
                      {-2.25, "-2.25"},
                      {1e-20, "0"},
                      {-1e-20, "0"},
                      {1.0 / 3, "0.3333"},
                      {1e15, "1000000000000000"}};
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(format_number(row.value) == row.text);
  }
  CHECK(format_number(std::nan("")) == "nan");
  CHECK(format_number(-std::numeric_limits<double>::infinity()) == "-inf");
}

TEST_CASE("what is no unit is not repeated: it may be a secret") {
  const auto silent = [](const auto& parsed) {
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message().find("SECRET") == std::string::npos);
  };
  for (const char* text : {"SECRET", "1SECRET", "1sSECRET", "9223372036854775807dSECRET"}) {
    silent(parse_duration(text));
    silent(parse_size(text));
    silent(parse_percent(text));
  }
}
