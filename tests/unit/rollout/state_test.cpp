#include "rollout/state.hpp"

#include <catch2/catch.hpp>

using namespace canary::rollout;

TEST_CASE("the effective weight is the lowest term, and the term that limits it is named") {
  using Limit = Weight::Limit;
  struct Row {
    BasisPoints file;
    std::optional<BasisPoints> flag;
    BasisPoints cap;
    bool latched;
    BasisPoints effective;
    Limit by;
  };
  const Row rows[] = {
      {10000, std::nullopt, 10000, false, 10000, Limit::file},
      {10000, 10000, 10000, false, 10000, Limit::file},
      {1000, std::nullopt, 10000, false, 1000, Limit::file},
      {1000, 10000, 10000, false, 1000, Limit::file},
      {1000, 1000, 10000, false, 1000, Limit::flag},
      {1000, 500, 10000, false, 500, Limit::flag},
      {1000, 500, 500, false, 500, Limit::cap},
      {1000, 500, 100, false, 100, Limit::cap},
      {0, std::nullopt, 10000, false, 0, Limit::file},
      {0, 0, 10000, false, 0, Limit::flag},
      {0, 0, 0, true, 0, Limit::cap},
      {10000, std::nullopt, 10000, true, 0, Limit::cap},  // latched: whatever the cap says
  };
  for (const Row& row : rows) {
    State state;
    state.flag = row.flag;
    state.cap = row.cap;
    state.latched = row.latched;
    const Weight weight = weigh(row.file, state);
    CAPTURE(row.file, row.cap, row.latched);
    CHECK(weight.effective == row.effective);
    CHECK(name(weight.limited_by) == name(row.by));
    CHECK(weight.phase == full_weight);
    CHECK(weight.flag == row.flag.value_or(full_weight));
  }
}

TEST_CASE("every status reads back as it is written") {
  for (int i = 0; i <= static_cast<int>(Status::complete); ++i) {
    const auto status = static_cast<Status>(i);
    CHECK(parse_status(name(status)) == status);
  }
  CHECK_FALSE(parse_status("Running"));
  CHECK_FALSE(parse_status(""));
}
