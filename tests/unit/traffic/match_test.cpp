#include "traffic/match.hpp"

#include <catch2/catch.hpp>

#include "support/fake_request.hpp"

using namespace canary;
using namespace canary::traffic;
using tests::FakeRequest;

namespace {

// Each match routes to a model named by its position in the list.
RoutingTable table_of(const std::vector<config::Match>& matches) {
  RoutingTable table;
  for (const auto& match : matches) {
    table.routes.push_back({match, table.models.size()});
    const std::string name = std::to_string(table.models.size());
    table.models.emplace_back().name = name;
  }
  sort_routes(table.routes);
  return table;
}

std::string matched(const RoutingTable& table, const FakeRequest& request) {
  const Model* model = match(table, request).model;
  return model ? model->name : "none";
}

}  // namespace

TEST_CASE("a prefix covers whole segments", "[match]") {
  struct Row {
    std::string prefix, path;
    bool covered;
  };
  const Row rows[] = {{"/a", "/a", true},
                      {"/a", "/a/b", true},
                      {"/a", "/a/", true},
                      {"/a", "/a:predict", true},
                      {"/a", "/ab", false},
                      {"/a", "/", false},
                      {"/a", "", false},
                      {"/a", "/a.b", false},
                      {"/a", "/A", false},
                      {"/", "/anything", true},
                      {"/", "/", true},
                      {"/a/", "/a/b", true},
                      {"/a/", "/a", false},
                      {"/a/", "/a:predict", false},
                      {"/v1/models/m", "/v1/models/m:predict", true},
                      {"/v1/models/m", "/v1/models/m2:predict", false}};
  for (const Row& row : rows) {
    CAPTURE(row.prefix, row.path);
    CHECK(covers(row.prefix, row.path) == row.covered);
  }
}

TEST_CASE("the longer prefix wins whatever the file's order", "[match]") {
  const auto table =
      table_of({{"/", "", "", ""}, {"/v1", "", "", ""}, {"/v1/models/m", "", "", ""}});
  CHECK(matched(table, FakeRequest("/v1/models/m:predict")) == "2");
  CHECK(matched(table, FakeRequest("/v1/models/other")) == "1");
  CHECK(matched(table, FakeRequest("/v2")) == "0");
}

TEST_CASE("more conditions win over a longer prefix", "[match]") {
  const auto table = table_of({{"/v1/models/m", "", "", ""},
                               {"/v1", "api.example", "", ""},
                               {"/", "api.example", "X-Tenant", "gold"}});
  FakeRequest request("/v1/models/m");
  CHECK(matched(table, request) == "0");
  request.host_text = "api.example";
  CHECK(matched(table, request) == "1");
  request.with("x-tenant", "gold");
  CHECK(matched(table, request) == "2");
}

TEST_CASE("among equals the file's order decides", "[match]") {
  const auto table = table_of({{"/a", "", "", ""}, {"/a", "", "", ""}, {"/b", "", "", ""}});
  CHECK(matched(table, FakeRequest("/a")) == "0");
  CHECK(matched(table, FakeRequest("/b")) == "2");
}

TEST_CASE("a prefix covers its paths however their characters are encoded", "[match]") {
  struct Row {
    std::string prefix, path;
    bool covered;
  };
  const Row rows[] = {{"/predict", "/%70redict", true},
                      {"/predict", "/predic%74/x", true},
                      {"/predict", "/%50redict", false},
                      {"/predict", "/%70redictx", false},
                      {"/predict", "/%70redict%78", false},
                      {"/predict", "/%70redict:now", true},
                      {"/predict", "/%70redict%3Anow", false},
                      {"/predict", "/%70redict%2Fx", false},
                      {"/predict", "/%70redic", false},
                      {"/a/b", "/a%2Fb", false},
                      {"/m:predict", "/%6d:predict", true},
                      {"/m:predict", "/m%3Apredict", false},
                      {"/a/b", "/%61/b", true},
                      {"/a/", "/%61/b", true},
                      {"/a b", "/a%20b", true},
                      {"/a%20b", "/a%20b", true},
                      {"/a%20b", "/%61%20b/c", true},
                      {"/a%c3%a9", "/a%C3%A9", true},
                      {"/a%2Fb", "/a%2fb", true},
                      {"/a%2Fb", "/a/b%20", false},
                      {"/a", "/%", false},
                      {"/a", "/%6", false},
                      {"/a", "/%zz", false},
                      {"/%zz", "/%zz", true},
                      {"/a", "/b/../%61", false},
                      {"/a", "%2Fa", false}};
  for (const Row& row : rows) {
    CAPTURE(row.prefix, row.path);
    const auto table = table_of({{row.prefix, "", "", ""}});
    CHECK((matched(table, FakeRequest(row.path)) == "0") == row.covered);
  }
}

TEST_CASE("hosts are compared without case, without port and without final dot", "[match]") {
  struct Row {
    std::string configured, sent;
    bool matches;
  };
  const Row rows[] = {{"api.example", "api.example", true},
                      {"api.example", "API.Example:8443", true},
                      {"api.example", "api.example.", true},
                      {"api.example", "API.example.:8443", true},
                      {"api.example", "api.example..", false},
                      {"api.example", ".", false},
                      {"api.example", ".:80", false},
                      {"api.example", "xapi.example", false},
                      {"api.example", "", false},
                      {"[::1]", "[::1]:8080", true},
                      {"[::1]", "[::1]", true},
                      {"[::1]", "[0:0::0001]:80", true},
                      {"[2001:db8::a]", "[2001:DB8:0:0::A]", true},
                      {"[::1]", "::1", false},
                      {"[::1]", "[", false},
                      {"[::1]", "[::2]", false}};
  for (const Row& row : rows) {
    CAPTURE(row.configured, row.sent);
    FakeRequest request("/");
    request.host_text = row.sent;
    CHECK((matched(table_of({{"", row.configured, "", ""}}), request) == "0") == row.matches);
  }
}

TEST_CASE("header values are exact, header names are not", "[match]") {
  const auto table = table_of({{"", "", "X-Model", "critic"}});
  CHECK(matched(table, FakeRequest("/").with("x-model", "critic")) == "0");
  CHECK(matched(table, FakeRequest("/").with("X-Model", "Critic")) == "none");
  CHECK(matched(table, FakeRequest("/").with("X-Model", "critic2")) == "none");
  CHECK(matched(table, FakeRequest("/")) == "none");
}

TEST_CASE("without routes nothing matches", "[match]") {
  CHECK(matched(RoutingTable(), FakeRequest("/")) == "none");
}
