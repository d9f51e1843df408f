#include "call/access_line.hpp"

#include "base/clock.hpp"
#include "base/json_text.hpp"

namespace canary::call {
namespace {

constexpr std::size_t most_target = 2048;

void append_text(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  out += key;
  out += "\":";
  base::append_json_string(out, value);
}

void append_ms(std::string& out, std::string_view key, Duration value) {
  out += ",\"";
  out += key;
  out += "\":";
  base::append_json_number(out, static_cast<double>(value.count() / 1000) / 1000);
}

}  // namespace

void write_access_line(std::string& out, const AccessLine& line, const CallRecord& record,
                       base::WallTime wall, MonoTime now) {
  const auto client_end = line.request.find(' ');
  const auto method_end = line.request.find(' ', client_end + 1);
  const auto client = line.request.substr(0, client_end);
  out = "{\"time\":\"";
  out += base::format_time(wall);
  out += '"';
  append_text(out, "request_id", line.request_id);
  append_text(out, "client", client);
  if (line.peer != client) append_text(out, "peer", line.peer);
  append_text(out, "method", line.request.substr(client_end + 1, method_end - client_end - 1));
  append_text(out, "target", line.request.substr(method_end + 1).substr(0, most_target));
  if (line.status) (out += ",\"status\":") += std::to_string(line.status);
  if (record.version()) {
    append_text(out, "model", record.model()->name);
    append_text(out, "version", record.version()->name);
    append_text(out, "outcome", stats::name(record.outcome()));
  }
  if (record.status()) (out += ",\"upstream_status\":") += std::to_string(record.status());
  if (record.first_byte()) append_ms(out, "first_byte_ms", *record.first_byte());
  append_ms(out, "duration_ms", now - record.start());
  out += "}\n";
}

}  // namespace canary::call
