#include "stats/outcome.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace canary::stats;

TEST_CASE("each outcome has its name and says whose fault it was", "[outcome]") {
  struct Row {
    Outcome outcome;
    std::string name;
    bool version_error, evidence;
  };
  const Row rows[] = {{Outcome::ok, "ok", false, true},
                      {Outcome::client_error, "client_error", false, false},
                      {Outcome::overload, "overload", true, true},
                      {Outcome::server_error, "server_error", true, true},
                      {Outcome::connect_error, "connect_error", true, true},
                      {Outcome::reset, "reset", true, true},
                      {Outcome::truncated, "truncated", true, true},
                      {Outcome::timeout_connect, "timeout_connect", true, true},
                      {Outcome::timeout_first_byte, "timeout_first_byte", true, true},
                      {Outcome::timeout_idle, "timeout_idle", true, true},
                      {Outcome::timeout_total, "timeout_total", true, true},
                      {Outcome::inband_error, "inband_error", true, true},
                      {Outcome::bad_output, "bad_output", true, true},
                      {Outcome::client_abort, "client_abort", false, false},
                      {Outcome::gateway_error, "gateway_error", false, false}};
  REQUIRE(std::size(rows) == outcome_count);
  for (std::size_t i = 0; i < outcome_count; ++i) {
    const Row& row = rows[i];
    CAPTURE(row.name);
    CHECK(static_cast<std::size_t>(row.outcome) == i);
    CHECK(name(row.outcome) == row.name);
    CHECK(is_version_error(row.outcome) == row.version_error);
    CHECK(is_evidence(row.outcome) == row.evidence);
  }
}
