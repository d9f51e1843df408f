// What counts as whose failure: the rules, row by row.
#include "call/classify.hpp"

#include <catch2/catch.hpp>

namespace canary::call {
namespace {

using stats::Outcome;
using Fate = UpstreamStream::Fate;

}  // namespace

TEST_CASE("What asks the model, and whose choice it was, decides what a request may say") {
  struct Row {
    std::string method;
    bool clients_choice, says;
  };
  for (const Row& row :
       {Row{"GET", false, true}, Row{"POST", false, true}, Row{"GET", true, false},
        Row{"HEAD", false, false}, Row{"OPTIONS", false, false}, Row{"TRACE", false, false}}) {
    CAPTURE(row.method, row.clients_choice);
    const std::string text = row.method + " / HTTP/1.1\r\nHost: gw\r\n\r\n";
    http::ParsedRequestHead head;
    REQUIRE_FALSE(head.parse(text, {}));
    CHECK(classify::request(head, row.clients_choice) == row.says);
  }
}

TEST_CASE("What could not be connected to") {
  CHECK(classify::unreachable(ECONNREFUSED, false) == Outcome::connect_error);
  CHECK(classify::unreachable(ETIMEDOUT, false) == Outcome::timeout_connect);
  CHECK(classify::unreachable(EPROTO, false) == Outcome::bad_output);
  CHECK(classify::unreachable(EHOSTUNREACH, true) == Outcome::gateway_error);
}

TEST_CASE("What a head says") {
  struct Row {
    std::uint16_t status;
    bool retry_after;
    Outcome outcome;
  };
  for (const Row& row :
       {Row{200, false, Outcome::ok}, Row{304, true, Outcome::ok}, Row{399, false, Outcome::ok},
        Row{400, false, Outcome::client_error}, Row{429, false, Outcome::overload},
        Row{499, true, Outcome::client_error}, Row{500, true, Outcome::server_error},
        Row{503, true, Outcome::overload}, Row{503, false, Outcome::server_error}}) {
    CAPTURE(row.status, row.retry_after);
    http::ResponseHead head;
    head.status = row.status;
    head.retry_after = row.retry_after;
    CHECK(classify::head(head) == row.outcome);
  }
}

TEST_CASE("An error is what the outcome says, or the file of the answer's code") {
  traffic::Model model;
  model.settings.errors_also = {404};
  CHECK(classify::is_error(Outcome::server_error, 500, model));
  CHECK(classify::is_error(Outcome::reset, 0, model));
  CHECK(classify::is_error(Outcome::client_error, 404, model));
  CHECK_FALSE(classify::is_error(Outcome::client_error, 403, model));
  CHECK_FALSE(classify::is_error(Outcome::client_abort, 200, model));
  CHECK_FALSE(classify::is_error(Outcome::ok, 200, model));
}

TEST_CASE("Latencies are those of answers, and of no tunnel") {
  CHECK(classify::is_answered(Outcome::ok, 200));
  CHECK(classify::is_answered(Outcome::server_error, 500));
  CHECK_FALSE(classify::is_answered(Outcome::ok, 101));
  CHECK_FALSE(classify::is_answered(Outcome::truncated, 200));
}

TEST_CASE("Who kept a version waiting is who ended it, its client before us") {
  CHECK(classify::ended_by_version(Outcome::reset, false, false) == Outcome::reset);
  CHECK(classify::ended_by_version(Outcome::reset, true, true) == Outcome::client_abort);
  CHECK(classify::ended_by_version(Outcome::reset, false, true) == Outcome::gateway_error);
}

TEST_CASE("A kept stream that ends without a word is believed to be a race now and then") {
  const auto of = [](Outcome seen, bool race, Fate fate) {
    stats::RaceAllowance races;
    for (int i = 0; i < 1000 && races.take(); ++i) {
    }
    return classify::unanswered(seen, race, fate, races);
  };
  CHECK(of(Outcome::reset, true, Fate::untouched) == Outcome::gateway_error);
  CHECK(of(Outcome::reset, true, Fate::maybe_begun) == Outcome::reset);  // used up
  CHECK(of(Outcome::reset, false, Fate::untouched) == Outcome::reset);
  CHECK(of(Outcome::client_abort, true, Fate::untouched) == Outcome::client_abort);
}

TEST_CASE("A client that leaves in the middle of a failure does not undo it") {
  CHECK(classify::broke_off(Outcome::client_abort, Outcome::server_error) == Outcome::server_error);
  CHECK(classify::broke_off(Outcome::client_abort, Outcome::ok) == Outcome::client_abort);
  CHECK(classify::broke_off(Outcome::truncated, Outcome::server_error) == Outcome::truncated);
}

TEST_CASE("Time that has passed is the version's, unless the client took it") {
  CHECK(classify::silence(true, true) == Outcome::client_abort);
  CHECK(classify::silence(false, true) == Outcome::timeout_first_byte);
  CHECK(classify::silence(false, false) == Outcome::timeout_idle);
  CHECK(classify::out_of_time(true) == Outcome::client_abort);
  CHECK(classify::out_of_time(false) == Outcome::timeout_total);
}

}  // namespace canary::call
