#include "admin/api_call.hpp"

#include "admin/operator_name.hpp"
#include "base/percent.hpp"

namespace canary::admin {
namespace {

constexpr std::size_t max_name = 128;
constexpr std::size_t max_reason = 1024;

// nullopt for a `%` without two hexadecimal digits.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const base::PercentChar next = base::decode_first(text);
    if (text.front() == '%' && !next.is_code()) return std::nullopt;
    out += next.value;
    text.remove_prefix(next.length);
  }
  return out;
}

}  // namespace

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto segment = path.substr(0, path.find('/'));
    auto decoded = decode(segment);
    if (!decoded) return {};
    out.push_back(std::move(*decoded));
    path.remove_prefix(segment.size());
  }
  return out;
}

namespace {

/// The parameter's text as it was sent; nothing when it is absent.
std::optional<std::string_view> find_query(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos)
      return pair.substr(equals + 1);
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
  }
  return std::nullopt;
}

}  // namespace

bool has_query(std::string_view query, std::string_view name) {
  return find_query(query, name).has_value();
}

std::string query_value(std::string_view query, std::string_view name) {
  const auto found = find_query(query, name);
  return found ? decode(*found).value_or("") : std::string();
}

bool Api::Route::matches(const std::vector<std::string>& path) const {
  if (path.size() != pattern.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool fits = pattern[i] == "*" ? !path[i].empty() : pattern[i] == path[i];
    if (!fits) return false;
  }
  return true;
}

base::Result<rollout::Actor> read_actor(const JsonBody& body, bool required) {
  const auto by = body.text("by", max_name, required ? "" : "operator");
  if (!by) return by.error();
  const auto reason = body.text("reason", max_reason);
  if (!reason) return reason.error();
  auto name = operator_name(*by);
  if (!name) return name.error();
  if (required && is_blank(*reason))
    return base::Error("the body needs 'reason': why this is done");
  return rollout::Actor{std::move(*name), *reason};
}

net::HttpResponse refused(const control::Outcome& outcome) {
  std::string_view code = "refused";
  if (outcome.status == 404) code = "not_found";
  if (outcome.status == 409) code = outcome.basis_broken ? "expectation_failed" : "conflict";
  if (outcome.status == 429) code = "too_many";
  if (outcome.status == 503) code = "not_committed";
  auto response = failure(outcome.status, code, outcome.message);
  if (outcome.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace canary::admin
