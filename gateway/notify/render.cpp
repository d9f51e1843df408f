#include "notify/render.hpp"

#include <boost/json/parse.hpp>
#include <cmath>

#include "base/json_writer.hpp"
#include "log/log.hpp"
#include "notify/words.hpp"

namespace canary::notify {
namespace {

using base::JsonWriter;
namespace json = boost::json;

// What begins a link, a mention or an entity in Slack's markup.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

void write_measured(JsonWriter& out, const Notice& notice) {
  out.key("measured");
  if (!notice.measured) {
    out.null();
    return;
  }
  const Notice::Measured& measured = *notice.measured;
  out.object([&] {
    out.field("criterion", measured.criterion).field("value", measured.value);
    out.field("limit", measured.limit).field("samples", measured.samples);
  });
}

void write_data(JsonWriter& out, const Notice& notice, const std::string& status_url) {
  out.object([&] {
    out.field("id", notice.id).field("kind", config::name(notice.kind));
    out.field("time", base::format_time(notice.time)).field("model", notice.model);
    out.field_or_null("stable", notice.stable).field("canary", notice.canary);
    out.field("decision", name(notice.decision));
    out.field_or_null("trigger", notice.trigger).field_or_null("mode", notice.mode);
    out.field("actor", notice.actor).field("reason", notice.reason);
    out.field("before", notice.before).field("after", notice.after).key("phase");
    if (notice.phase > 0)
      out.value(std::uint64_t{notice.phase});
    else
      out.null();
    write_measured(out, notice);
    out.field("text", text_of(notice, status_url)).field("status_url", status_url);
  });
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

double number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_number() ? value->to_number<double>() : std::nan("");
}

}  // namespace

std::string slack_body(const Notice& notice, const std::string& channel,
                       const std::string& status_url) {
  JsonWriter out;
  out.object([&] {
    if (!channel.empty()) out.field("channel", channel);
    out.field("text", escaped(text_of(notice, status_url)));
  });
  return out.take();
}

std::string cloud_event(const Notice& notice, const std::string& status_url) {
  const std::size_t path = status_url.rfind("/internal/status");
  JsonWriter out;
  out.object([&] {
    out.field("specversion", "1.0").field("id", notice.id);
    out.field("source", status_url.substr(0, path));
    out.field("type", "io.canary-gateway." + std::string(config::name(notice.kind)));
    out.field("subject", notice.model).field("time", base::format_time(notice.time));
    out.field("datacontenttype", "application/json").key("data");
    write_data(out, notice, status_url);
  });
  return out.take();
}

std::string data_of(const Notice& notice, const std::string& status_url) {
  JsonWriter out;
  write_data(out, notice, status_url);
  return out.take();
}

void log_data(const std::string& data) {
  boost::system::error_code code;
  const json::value value = json::parse(data, code);
  if (code || !value.is_object()) return;
  const json::object& notice = value.get_object();
  const auto text = [&notice](std::string_view key) { return text_at(notice, key); };
  const auto* measured = notice.if_contains("measured");
  const json::object none;
  const json::object& numbers = measured && measured->is_object() ? measured->get_object() : none;
  log::info("notice", {{"id", text("id")},
                       {"kind", text("kind")},
                       {"decided_at", text("time")},
                       {"model", text("model")},
                       {"stable", text("stable")},
                       {"canary", text("canary")},
                       {"decision", text("decision")},
                       {"trigger", text("trigger")},
                       {"mode", text("mode")},
                       {"actor", text("actor")},
                       {"reason", text("reason")},
                       {"before", number_at(notice, "before")},
                       {"after", number_at(notice, "after")},
                       {"phase", number_at(notice, "phase")},
                       {"criterion", text_at(numbers, "criterion")},
                       {"value", number_at(numbers, "value")},
                       {"limit", number_at(numbers, "limit")},
                       {"samples", number_at(numbers, "samples")},
                       {"text", text("text")},
                       {"status_url", text("status_url")}});
}

}  // namespace canary::notify
