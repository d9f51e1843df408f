#include "http/reference.hpp"

#include "base/port.hpp"
#include "base/text.hpp"
#include "http/target.hpp"

namespace canary::http {
namespace {

// Browsers read `\` as `/`: an authority with it has two readings.
bool is_user_information(std::string_view text) {
  return text.find_first_of("\\@[]") == std::string_view::npos;
}

}  // namespace

bool split_reference(std::string_view text, Reference& out) {
  const auto slashes = text.find("//");
  if (slashes == std::string_view::npos) return false;
  // Browsers leave tabs out wherever they are.
  if (text.find_first_of(" \t") != std::string_view::npos) return false;
  const auto scheme = text.substr(0, slashes);
  if (!scheme.empty() && !base::iequals(scheme, "http:") && !base::iequals(scheme, "https:"))
    return false;
  const auto behind = text.substr(slashes + 2);
  const auto end = behind.find_first_of("/?#");
  auto authority = behind.substr(0, end);
  if (const auto at = authority.find('@'); at != std::string_view::npos) {
    if (!is_user_information(authority.substr(0, at))) return false;
    authority.remove_prefix(at + 1);
  }
  Authority parts;
  if (!split_authority(authority, parts) || parts.port == "0") return false;
  out.scheme = scheme.substr(0, scheme.empty() ? 0 : scheme.size() - 1);
  out.host = parts.host;
  out.port = base::parse_port(parts.port);
  out.rest = end == std::string_view::npos ? std::string_view{} : behind.substr(end);
  return true;
}

}  // namespace canary::http
