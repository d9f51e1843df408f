#include "admin/basis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "admin/digest.hpp"
#include "admin/json_writer.hpp"
#include "base/text.hpp"

namespace canary::admin {
namespace {

void write_model(JsonWriter& out, const control::ModelView& model) {
  const rollout::State& state = model.rollout;
  out.value(model.model).value(model.stable).value(model.canary.value_or(""));
  for (const auto term : {model.weight.file, model.weight.flag, model.weight.phase,
                          model.weight.cap, model.weight.effective})
    out.value(term);
  out.value(state.phase).value(state.attempt).value(state.rollbacks).value(name(state.status));
  out.value(state.latched).value(state.paused).value(state.promoted);
  out.value(state.flag.has_value());
}

/// One entity tag from the front of the text; empty when there is none.
std::string_view take_tag(std::string_view& text) {
  const std::size_t quote = text.starts_with("W/") ? 2 : 0;
  if (text.size() <= quote || text[quote] != '"') return {};
  std::size_t end = quote + 1;
  for (; end < text.size() && text[end] != '"'; ++end) {
    const auto c = static_cast<unsigned char>(text[end]);
    if (c <= 0x20 || c == 0x7f) return {};
  }
  if (end == text.size()) return {};
  const std::string_view tag = text.substr(0, end + 1);
  text.remove_prefix(end + 1);
  return tag;
}

/// A whole number of `expect`; `null` stands for 0 where that means "none".
base::Result<std::optional<std::uint32_t>> read_number(const JsonBody& expect,
                                                       std::string_view key) {
  using Number = std::optional<std::uint32_t>;
  if (!expect.has(key)) return Number();
  if (expect.is_null(key)) return Number(0);
  const auto value = expect.number(key);
  constexpr double most = std::numeric_limits<std::uint32_t>::max();
  if (!value || *value < 0 || *value > most || std::floor(*value) != *value)
    return base::Error("expect." + std::string(key) + ": expected a whole number");
  return Number(static_cast<std::uint32_t>(*value));
}

base::Result<void> read_expect(const JsonBody& body, control::Basis& basis) {
  const auto expect = body.object("expect", {"phase", "rollback"});
  if (!expect) return expect.error();
  if (!*expect) return {};
  if ((*expect)->empty()) return base::Error("expect: names nothing (known: phase, rollback)");
  auto phase = read_number(**expect, "phase");
  if (!phase) return phase.error();
  auto rollback = read_number(**expect, "rollback");
  if (!rollback) return rollback.error();
  basis.phase = *phase;
  basis.rollback = *rollback;
  return {};
}

}  // namespace

std::string status_tag(const control::StatusView& status) {
  JsonWriter out;
  out.array([&] {
    // With the time it was loaded, generations of another start are others.
    out.value(status.config.generation);
    out.value(std::int64_t{status.config.loaded_at.time_since_epoch().count()});
    out.value(status.config.fallback);
    for (const auto& model : status.models) out.array([&] { write_model(out, model); });
  });
  return '"' + digest(out.take()) + '"';
}

std::optional<TagList> parse_if_match(std::string_view value) {
  TagList list;
  std::string_view rest = base::trim(value);
  if (rest == "*") {
    list.any = true;
    return list;
  }
  std::size_t count = 0;
  while (!rest.empty()) {
    if (rest.front() == ',') {  // empty elements are allowed (RFC 9110, 5.6.1)
      rest = base::trim(rest.substr(1));
      continue;
    }
    const std::string_view tag = take_tag(rest);
    if (tag.empty()) return std::nullopt;
    ++count;
    if (tag.front() == '"') list.tags.emplace_back(tag);
    rest = base::trim(rest);
    if (!rest.empty() && rest.front() != ',') return std::nullopt;
  }
  if (count == 0) return std::nullopt;
  return list;
}

base::Result<control::Basis> read_basis(const net::HttpRequest& request, const JsonBody& body,
                                        std::function<control::StatusView()> status) {
  control::Basis basis;
  if (auto read = read_expect(body, basis); !read) return read.error();
  std::string value;
  for (const auto& [name, each] : request.headers)
    if (base::iequals(name, "if-match")) value += (value.empty() ? "" : ", ") + each;
  if (!request.has_header("if-match")) return basis;
  auto list = parse_if_match(value);
  if (!list)
    return base::Error("If-Match: expected * or entity tags in quotes, found '" + value + "'");
  if (list->any) return basis;
  basis.status_is_same = [status = std::move(status), tags = std::move(list->tags)] {
    return std::find(tags.begin(), tags.end(), status_tag(status())) != tags.end();
  };
  return basis;
}

}  // namespace canary::admin
