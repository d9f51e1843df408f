#include "control/rollback_note.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace canary::control {
namespace {

namespace json = boost::json;

json::object object_of(const analysis::Reading& reading) {
  return {{"criterion", reading.criterion}, {"verdict", static_cast<int>(reading.verdict)},
          {"value", reading.value},         {"success_limit", reading.success_limit},
          {"limit", reading.limit},         {"samples", reading.samples},
          {"reason", reading.reason}};
}

std::string text(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}
template <class T>
T number(const json::object& object, std::string_view key) {
  return object.at(key).to_number<T>();
}

analysis::Reading reading_of(const json::object& object) {
  analysis::Reading reading;
  reading.criterion = text(object, "criterion");
  reading.verdict = static_cast<analysis::Verdict>(number<std::uint8_t>(object, "verdict"));
  reading.value = number<double>(object, "value");
  reading.success_limit = number<double>(object, "success_limit");
  reading.limit = number<double>(object, "limit");
  reading.samples = number<std::uint64_t>(object, "samples");
  reading.reason = text(object, "reason");
  return reading;
}

}  // namespace

std::string text_of(const RollbackNote& note) {
  const rollout::Entry& entry = note.entry;
  json::object object{{"time_ns", note.time.time_since_epoch().count()},
                      {"stable", note.stable},
                      {"trigger", note.trigger},
                      {"mode", rollout::mode_name(note.mode)},
                      {"kind", name(entry.kind)},
                      {"actor", entry.actor},
                      {"reason", entry.reason},
                      {"before", entry.before},
                      {"after", entry.after},
                      {"phase", entry.phase}};
  if (entry.reading) object["reading"] = object_of(*entry.reading);
  return json::serialize(object);
}

std::optional<RollbackNote> read_note(std::string_view given) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(given.data(), given.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.as_object();
  try {
    RollbackNote note;
    note.time = base::WallTime(base::WallTime::duration(number<std::int64_t>(object, "time_ns")));
    note.stable = text(object, "stable");
    note.trigger = text(object, "trigger");
    note.mode = text(object, "mode") == rollout::mode_name(rollout::Mode::gradual)
                    ? rollout::Mode::gradual
                    : rollout::Mode::immediate;
    note.entry.kind = config::parse_entry_kind(text(object, "kind"));
    note.entry.actor = text(object, "actor");
    note.entry.reason = text(object, "reason");
    note.entry.before = number<base::BasisPoints>(object, "before");
    note.entry.after = number<base::BasisPoints>(object, "after");
    note.entry.phase = number<std::uint32_t>(object, "phase");
    if (const auto* reading = object.if_contains("reading"))
      note.entry.reading = reading_of(reading->as_object());
    return note;
  } catch (const std::exception&) {  // a key is missing, or of another kind
    return std::nullopt;
  }
}

}  // namespace canary::control
