#include "traffic/kserve.hpp"

#include <catch2/catch.hpp>

#include "support/fake_request.hpp"
#include "traffic/match.hpp"

using namespace canary;
using namespace canary::traffic;
using config::Kserve;
using tests::FakeRequest;

namespace {

constexpr std::string_view no = "(another model)";

/// The version that the path names ("" for none), or `no`.
std::string_view read(Kserve protocol, std::string_view name, std::string_view path) {
  const KservePath result = read_kserve(protocol, name, path);
  return result.names_model ? result.version : no;
}

config::Match prefix(const std::string& path) { return {path, "", "", ""}; }
config::Match named(Kserve protocol, const std::string& name, const std::string& host = "") {
  return {"", host, "", "", protocol, name};
}

}  // namespace

TEST_CASE("a v2 path names its model in one whole segment, and a version behind it", "[kserve]") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"/v2/models/m", ""},
      {"/v2/models/m/", ""},
      {"/v2/models/m/infer", ""},
      {"/v2/models/m/generate_stream", ""},
      {"/v2/models/m/versions/1/infer", "1"},
      {"/v2/models/m/versions/v%31", "v%31"},
      {"/v2/models/m/versions/1/", "1"},
      {"/v2/models/m/versions", ""},
      {"/v2/models/m/versions/", ""},
      {"/v2/models/m/versions//infer", ""},
      {"/v2/models/m/versionsX/1", ""},
      {"/v2/models/%6d/infer", ""},
      {"/v2/models/%6D/versions/2", "2"},
      {"/v2/%6dodels/m/infer", ""},
      {"/%76%32/models/m/%76ersions/1/infer", "1"},
      {"/v2%2Fmodels/m/infer", no},
      {"/v2/models/m%2Fversions/1", no},
      {"/v2/models/m/versions%2F1", ""},
      {"/v2/models/m2/infer", no},
      {"/v2/models/mm", no},
      {"/v2/models/M", no},
      {"/v2/models/", no},
      {"/v2/models//m", no},
      {"/v2/models", no},
      {"/v2/models/m:predict", no},
      {"/v1/models/m", no},
      {"/v2/repository/models/m/load", no},
      {"/v2/models/%6", no},
      {"/v2/models/%zzm", no},
      {"/v2/models/m%00", no},
      {"/v2/models/m%2Finfer", no},
      {"/x/v2/models/m", no}};
  for (const auto& [path, version] : rows) {
    CAPTURE(path);
    CHECK(read(Kserve::v2, "m", path) == version);
  }
  CHECK(read(Kserve::v2, "org/m", "/v2/models/org%2fm/infer") == "");
  CHECK(read(Kserve::v2, "org/m", "/v2/models/org/m/infer") == no);
  CHECK(read(Kserve::v2, "50%", "/v2/models/50%25") == "");
  CHECK(read(Kserve::v2, "50%", "/v2/models/50%") == no);
  CHECK(read(Kserve::v2, "a b", "/v2/models/a+b") == no);
}

TEST_CASE("a v1 path is the model's name, and a verb behind a colon", "[kserve]") {
  const std::pair<std::string_view, std::string_view> rows[] = {{"/v1/models/m", ""},
                                                                {"/v1/models/m:predict", ""},
                                                                {"/v1/models/m:explain", ""},
                                                                {"/v1/models/%6d:predict", ""},
                                                                {"/v1/%6Dodels/m:predict", ""},
                                                                {"/v1/models/m%3", no},
                                                                {"/v1/models/m:", ""},
                                                                {"/v1/models/m/", no},
                                                                {"/v1/models/m/x", no},
                                                                {"/v1/models/m2:predict", no},
                                                                {"/v1/models/mm", no},
                                                                {"/v1/models/", no},
                                                                {"/v1/models", no},
                                                                {"/v2/models/m", no},
                                                                {"/v1/models/m:a:predict", no},
                                                                {"/v1/models/m%3Apredict", no}};
  for (const auto& [path, version] : rows) {
    CAPTURE(path);
    CHECK(read(Kserve::v1, "m", path) == version);
  }
  CHECK(read(Kserve::v1, "llama:8b", "/v1/models/llama:8b:predict") == "");
  CHECK(read(Kserve::v1, "llama:8b", "/v1/models/llama%3A8b") == "");
  CHECK(read(Kserve::v1, "llama:8b", "/v1/models/llama:8b") == "");
  CHECK(read(Kserve::none, "m", "/v1/models/m") == no);
}

TEST_CASE("a version is found by its name, by what is behind the model's, by its number",
          "[kserve]") {
  struct Row {
    std::string stable, canary, asked, found;
  };
  const Row rows[] = {{"m_v1", "m_v2", "m_v2", "m_v2"},   {"m_v1", "m_v2", "v2", "m_v2"},
                      {"m_v1", "m_v2", "2", "m_v2"},      {"m_v1", "m_v2", "1", "m_v1"},
                      {"m_v1", "m_v2", "%76%31", "m_v1"}, {"m_v1", "m_v2", "3", ""},
                      {"m_v1", "m_v2", "m", ""},          {"m_v1", "m_v2", "m_", ""},
                      {"m_v1", "m_v2", "V1", ""},         {"m_v1", "m_v2", "01", ""},
                      {"m_v1", "m_v2", "_v1", ""},        {"m_v1", "m_v2", "%", ""},
                      {"m-1", "m.2", "1", "m-1"},         {"m-1", "m.2", "2", "m.2"},
                      {"m-1", "m.2", "v1", ""},           {"v1", "v2", "2", "v2"},
                      {"v1", "v2", "v1", "v1"},           {"m2024", "mx", "2024", ""},
                      {"m_v1", "m_1", "1", "m_1"},  // what stands there before what is derived
                      {"m_v1", "v1", "v1", "v1"},         {"m_v1", "other_v1", "v1", "m_v1"},
                      {"m_vx", "m_v", "x", ""},           {"m_v1b", "m_v2", "1b", "m_v1b"}};
  for (const Row& row : rows) {
    CAPTURE(row.stable, row.canary, row.asked);
    Model model;
    model.name = "m";
    model.stable.name = row.stable;
    model.canary.emplace().name = row.canary;
    const Version* found = named_version(model, row.asked);
    CHECK((found ? found->name : "") == row.found);
  }
  Model alone;
  alone.name = "m";
  alone.stable.name = "m_v1";
  CHECK(named_version(alone, "1") == &alone.stable);
  CHECK(named_version(alone, "2") == nullptr);
}

TEST_CASE("a path that names the model is as specific as a prefix of its length", "[kserve]") {
  RoutingTable table;
  for (const auto& match :
       {prefix("/v2"), prefix("/v2/models/m"), prefix("/v2/models/m/infer"), named(Kserve::v2, "m"),
        named(Kserve::v2, "m", "gold.example"), named(Kserve::v1, "m"), prefix("/")}) {
    table.routes.push_back({match, table.models.size()});
    table.models.emplace_back();
  }
  sort_routes(table.routes);
  const auto matched = [&](const std::string& path, const std::string& host = "x") {
    FakeRequest request(path);
    request.host_text = host;
    return match(table, request).model - table.models.data();
  };
  CHECK(matched("/v2/models/m/infer") == 2);  // longer
  CHECK(matched("/v2/models/m/ready") == 3);  // equally long, and the name is whole
  CHECK(matched("/v2/models/%6d/ready") == 3);
  CHECK(matched("/v2/models/m/infer", "gold.example") == 4);  // more conditions
  CHECK(matched("/v2/models/m:predict") == 1);
  CHECK(matched("/v2/models/other") == 0);
  CHECK(matched("/v1/models/m:predict") == 5);
  CHECK(matched("/v1/models/m/x") == 6);
  CHECK(match(table, FakeRequest("/v2/models/m/versions/7/ready")).version == "7");
  CHECK(match(table, FakeRequest("/v2/models/m/ready")).version == "");
}
