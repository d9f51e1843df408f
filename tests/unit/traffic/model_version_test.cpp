#include "traffic/model_version.hpp"

#include <catch2/catch.hpp>

using namespace canary;
using namespace canary::traffic;

namespace {

Model model_at(std::string name, unsigned weight, bool canary = true) {
  Model model;
  model.stable.name = name + "_v1";
  if (canary) model.canary.emplace().name = name + "_v2";
  model.name = std::move(name);
  model.canary_weight = static_cast<BasisPoints>(weight);
  return model;
}

}  // namespace

TEST_CASE("one model is answered byte for byte", "[model_version]") {
  struct Row {
    unsigned weight;
    bool canary;
    std::string body;
  };
  const Row rows[] = {
      {0, false, R"({"model":"m_v1"})"},
      {0, true, R"({"model":"m_v1"})"},
      {1000, true, R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":10}})"},
      {1250, true, R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":12.5}})"},
      {1, true, R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":0.01}})"},
      {9999, true, R"({"model":"m_v1","canary":{"model":"m_v2","rollout_percentage":99.99}})"},
      {10000, true, R"({"model":"m_v2"})"}};
  for (const Row& row : rows) {
    CAPTURE(row.weight);
    RoutingTable table;
    table.generation = 7;
    table.models.push_back(model_at("m", row.weight, row.canary));
    const auto answers = render_model_version(table);
    CHECK(answers->generation == 7);
    REQUIRE(answers->find(""));
    CHECK(*answers->find("") == row.body);
    REQUIRE(answers->find("m"));
    CHECK(*answers->find("m") == row.body);
    CHECK(answers->find("m_v1") == nullptr);
  }
}

TEST_CASE("several models are answered as a list in the file's order", "[model_version]") {
  RoutingTable table;
  table.models.push_back(model_at("z", 1000));
  table.models.push_back(model_at("a", 0));
  const auto answers = render_model_version(table);
  CHECK(answers->all == R"({"models":[{"name":"z","model":"z_v1",)"
                        R"("canary":{"model":"z_v2","rollout_percentage":10}},)"
                        R"({"name":"a","model":"a_v1"}]})");
  CHECK(*answers->find("a") == R"({"model":"a_v1"})");
  CHECK(*answers->find("z") ==
        R"({"model":"z_v1","canary":{"model":"z_v2","rollout_percentage":10}})");
  CHECK(answers->find("q") == nullptr);
}

TEST_CASE("names are escaped as JSON", "[model_version]") {
  RoutingTable table;
  table.models.push_back(model_at("a\"b", 0, false));
  CHECK(render_model_version(table)->all == R"({"model":"a\"b_v1"})");
}
