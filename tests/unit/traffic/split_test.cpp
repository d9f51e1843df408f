#include "traffic/split.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "support/fake_request.hpp"
#include "traffic/bucket.hpp"
#include "traffic/match.hpp"

using namespace canary;
using namespace canary::traffic;
using tests::FakeRequest;
using Kind = config::StickySource::Kind;
using Wish = Draw::Wish;

namespace {

thread_local std::uint64_t allocations = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  std::abort();
}

Model model_at(unsigned weight) {
  Model model;
  model.name = "dcf-engine";
  model.stable.name = "v1";
  model.canary.emplace();
  model.canary->name = "v2";
  model.canary->role = Role::canary;
  model.canary_weight = static_cast<BasisPoints>(weight);
  return model;
}

Model with_override(Model model, bool at_zero = false) {
  model.settings.override_ = config::Override{"X-Canary", "canary", at_zero};
  return model;
}

bool canary_answers(const Model& model, std::uint32_t bucket) {
  return pick(model, {bucket, Wish::none}).version->role == Role::canary;
}

}  // namespace

// The whole test program's allocations are counted, so that a pick can prove it makes none.
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

TEST_CASE("the shares are exact: of 10000 buckets the canary has its weight", "[split]") {
  for (const unsigned weight : {0u, 1u, 9u, 10u, 1000u, 1250u, 5000u, 9999u, 10000u}) {
    const Model model = model_at(weight);
    unsigned canary = 0, stable = 0;
    for (std::uint32_t b = 0; b < 10000; ++b) ++(canary_answers(model, b) ? canary : stable);
    CAPTURE(weight);
    CHECK(canary == weight);
    CHECK(canary + stable == 10000);
  }
}

TEST_CASE("raising the weight only adds users, lowering it only removes them", "[split]") {
  base::Random random(31);
  std::string scratch;
  for (int run = 0; run < 2000; ++run) {
    const unsigned a = random.below(10001), b = random.below(10001);
    const Model low = model_at(std::min(a, b)), high = model_at(std::max(a, b));
    for (int user = 0; user < 50; ++user) {
      const auto user_bucket = bucket("dcf-engine", std::to_string(random.next()));
      CAPTURE(low.canary_weight, high.canary_weight, user_bucket);
      if (canary_answers(low, user_bucket)) REQUIRE(canary_answers(high, user_bucket));
    }
  }
}

TEST_CASE("at weight 0 no request reaches the canary, at 100% every one does", "[split]") {
  Model zero = model_at(0), full = model_at(10000);
  base::Random random(32);
  std::string scratch;
  const FakeRequest request;
  for (int i = 0; i < 20000; ++i) {
    REQUIRE(pick(zero, draw(zero, request, random, scratch)).version == &zero.stable);
    REQUIRE(pick(full, draw(full, request, random, scratch)).version == &*full.canary);
  }
}

TEST_CASE("without a key the draw is random and the split is the weight", "[split]") {
  const Model model = model_at(1000);
  base::Random random(33);
  std::string scratch;
  const FakeRequest request;
  int canary = 0;
  for (int i = 0; i < 100000; ++i)
    canary += pick(model, draw(model, request, random, scratch)).version->role == Role::canary;
  CHECK(std::abs(canary - 10000) < 5 * 95);  // sigma is 95
}

TEST_CASE("a sticky user is drawn by the hash of the model's name and the key", "[split]") {
  Model model = model_at(5000);
  model.settings.sticky = {{Kind::header, "X-User-Id"}};
  base::Random random(34);
  std::string scratch;
  for (const auto& [user, expected] :
       {std::pair("user-1", 60u), {"user-2", 6070u}, {"user-42", 4225u}}) {
    const auto request = FakeRequest().with("X-User-Id", user);
    CHECK(draw(model, request, random, scratch).bucket == expected);
    CHECK(draw(model, request, random, scratch).bucket == expected);
  }
}

TEST_CASE("the client's wish comes from the header, else the cookie, where configured", "[split]") {
  struct Row {
    std::string header, cookie;
    Wish wish;
  };
  const Row rows[] = {{"", "", Wish::none},
                      {"always", "", Wish::always},
                      {"never", "", Wish::never},
                      {"", "always", Wish::always},
                      {"", "never", Wish::never},
                      {"never", "always", Wish::never},
                      {"always", "never", Wish::always},
                      {"true", "always", Wish::always},
                      {"true", "", Wish::none},
                      {"ALWAYS", "", Wish::none}};
  base::Random random(35);
  std::string scratch;
  const Model allowed = with_override(model_at(5000)), refused = model_at(5000);
  for (const Row& row : rows) {
    CAPTURE(row.header, row.cookie);
    FakeRequest request;
    if (!row.header.empty()) request.with("x-canary", row.header);
    if (!row.cookie.empty()) request.with("cookie", "a=b; canary=" + row.cookie);
    CHECK(draw(allowed, request, random, scratch).wish == row.wish);
    CHECK(draw(refused, request, random, scratch).wish == Wish::none);
  }
}

TEST_CASE("a wish is followed, marked as overridden, and ends at weight 0", "[split]") {
  struct Row {
    unsigned weight;
    bool at_zero;
    Wish wish;
    std::uint32_t bucket;
    Role role;
    bool overridden;
  };
  const Row rows[] = {{1000, false, Wish::always, 9999, Role::canary, true},
                      {1000, false, Wish::always, 0, Role::canary, true},
                      {1000, false, Wish::never, 0, Role::stable, true},
                      {10000, false, Wish::never, 0, Role::stable, true},
                      {1000, false, Wish::none, 999, Role::canary, false},
                      {1000, false, Wish::none, 1000, Role::stable, false},
                      {0, false, Wish::always, 0, Role::stable, false},
                      {0, true, Wish::always, 0, Role::canary, true},
                      {0, true, Wish::none, 0, Role::stable, false},
                      {0, false, Wish::never, 0, Role::stable, true}};
  for (const Row& row : rows) {
    CAPTURE(row.weight, row.at_zero, static_cast<int>(row.wish), row.bucket);
    const Model model = with_override(model_at(row.weight), row.at_zero);
    const Pick picked = pick(model, {row.bucket, row.wish});
    CHECK(picked.version->role == row.role);
    CHECK(picked.overridden == row.overridden);
  }
}

TEST_CASE("a later table may take the override or the canary away from a draw", "[split]") {
  const Draw wished{9999, Wish::always};
  const Model no_override = model_at(5000);
  CHECK(pick(no_override, wished).version == &no_override.stable);
  CHECK_FALSE(pick(no_override, wished).overridden);
  Model no_canary = with_override(model_at(0), true);
  no_canary.canary.reset();
  CHECK(pick(no_canary, wished).version == &no_canary.stable);
  CHECK_FALSE(pick(no_canary, wished).overridden);
}

TEST_CASE("match, draw and pick allocate nothing", "[split]") {
  Model model = with_override(model_at(5000));
  model.settings.sticky = {{Kind::header, "X-User-Id"},
                           {Kind::cookie, "a-rather-long-cookie-name"},
                           {Kind::query, "user"},
                           {Kind::client_address, ""}};
  RoutingTable table;
  table.models.push_back(model);
  table.routes.push_back({{"/v1/models/dcf-engine", "api.example", "X-Tenant", "gold"}, 0});
  table.routes.push_back({{"/", "", "", ""}, 0});
  FakeRequest request("/v1/models/dcf-engine-with-a-long-name:predict");
  request.host_text = "API.example:8080";
  request.query_text = "a=1&b=2&user=a-user-with-quite-a-long-name";
  request.with("Cookie", "theme=dark; session=0123456789abcdef0123456789abcdef; canary=maybe");
  base::Random random(36);
  std::string scratch;

  const std::uint64_t before_control = allocations;
  const auto control = std::make_unique<int>(1);
  const bool counter_works = allocations == before_control + 1;

  std::uint64_t canary = 0;
  const std::uint64_t before = allocations;
  for (int i = 0; i < 1000; ++i) {
    const Model* found = match(table, request).model;
    const Pick picked = pick(*found, draw(*found, request, random, scratch));
    canary += picked.version->role == Role::canary;
  }
  const std::uint64_t after = allocations;
  CHECK(counter_works);
  CHECK(after == before);
  CHECK((canary == 0 || canary == 1000));  // sticky: one user, one side
}
