#include "notify/render.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "unit/notify/notices.hpp"

using namespace canary;
using namespace canary::notify;
using namespace canary::notify_test;
namespace json = boost::json;

TEST_CASE("Slack gets a channel and a text, with its markup escaped") {
  Notice notice = rollback_notice();
  notice.reason = "a < b & \"c\" > <!channel>";
  const json::object body = json::parse(slack_body(notice, "#incidents", status_url)).as_object();
  CHECK(body.size() == 2);
  CHECK(body.at("channel") == "#incidents");
  CHECK(std::string(body.at("text").as_string())
            .starts_with("Rolled back comp-critic to v1 due to a &lt; b &amp; \"c\" &gt; "
                         "&lt;!channel&gt;. Investigating.\n"));
}

TEST_CASE("without a channel Slack's webhook has its own") {
  const json::object body = json::parse(slack_body(rollback_notice(), "", status_url)).as_object();
  CHECK(body.size() == 1);
  CHECK(body.contains("text"));
}

TEST_CASE("a webhook gets a CloudEvent with every field, numbers as numbers") {
  CHECK(cloud_event(rollback_notice(), status_url) ==
        "{\"specversion\":\"1.0\",\"id\":\"018f0000-0000-7000-8000-000000000001\","
        "\"source\":\"http://127.0.0.1:9901\",\"type\":\"io.canary-gateway.rollback\","
        "\"subject\":\"comp-critic\",\"time\":\"2023-11-14T22:13:20.042Z\","
        "\"datacontenttype\":\"application/json\",\"data\":" +
            data_of(rollback_notice(), status_url) + "}");
  CHECK(data_of(rollback_notice(), status_url) ==
        "{\"id\":\"018f0000-0000-7000-8000-000000000001\",\"kind\":\"rollback\","
        "\"time\":\"2023-11-14T22:13:20.042Z\",\"model\":\"comp-critic\","
        "\"stable\":\"comp-critic_v1\",\"canary\":\"comp-critic_v2\",\"decision\":\"rollback\","
        "\"trigger\":\"error_rate\",\"mode\":\"immediate\",\"actor\":\"gateway\","
        "\"reason\":\"error rate 0.933% > 0.5% (9 of 965 requests in 10s)\",\"before\":10,"
        "\"after\":0,\"phase\":1,\"measured\":{\"criterion\":\"error_rate\",\"value\":0.00933,"
        "\"limit\":0.005,\"samples\":965},"
        "\"text\":\"Rolled back comp-critic to v1 due to error rate 0.933% > 0.5% (9 of 965 "
        "requests in 10s). Investigating.\\ncomp-critic_v2 went from 10% to 0% of the traffic at "
        "2023-11-14T22:13:20.042Z (immediate, trigger error_rate: 0.933%, limit 0.5%, 965 "
        "samples). Status: http://127.0.0.1:9901/internal/status\","
        "\"status_url\":\"http://127.0.0.1:9901/internal/status\"}");
}

TEST_CASE("what a notice has not is null") {
  Notice notice = notice_of(config::NoticeKind::complaint, "complaint", "odd");
  notice.phase = 0;
  const json::object data = json::parse(data_of(notice, status_url)).as_object();
  for (const auto* key : {"trigger", "mode", "phase", "measured"}) CHECK(data.at(key).is_null());
  CHECK(data.at("before").to_number<double>() == 50);
}

TEST_CASE("every kind has a type of its own") {
  using Kind = config::NoticeKind;
  for (const Kind kind : {Kind::rollback, Kind::step, Kind::phase, Kind::hold, Kind::promoted,
                          Kind::reminder, Kind::complaint, Kind::command}) {
    Notice notice = rollback_notice();
    notice.kind = kind;
    const json::object event = json::parse(cloud_event(notice, status_url)).as_object();
    CHECK(event.at("type").as_string() == "io.canary-gateway." + std::string(config::name(kind)));
    CHECK(event.at("data").at("kind").as_string() == config::name(kind));
  }
}

TEST_CASE("bytes that are no text do not break the JSON") {
  Notice notice = rollback_notice();
  notice.reason = "\xff\xfe \x01 \"quoted\" \\";
  CHECK(json::parse(cloud_event(notice, status_url)).is_object());
  CHECK(json::parse(slack_body(notice, "#a\"b", status_url)).is_object());
}
