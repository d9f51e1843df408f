#include "http/upgrade.hpp"

#include "base/text.hpp"
#include "http/syntax.hpp"

namespace canary::http {
namespace {

/// protocol = token ["/" token]
bool is_protocol(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_token(text);
  return is_token(text.substr(0, slash)) && is_token(text.substr(slash + 1));
}

bool may_pass(std::string_view protocol) {
  const auto name = protocol.substr(0, protocol.find('/'));
  for (const std::string_view http : {"h2c", "h2", "h3", "http", "tls"})
    if (base::iequals(name, http)) return false;
  return true;
}

/// The value of the one Upgrade field among `fields`; empty when there are none or several.
template <class Fields>
std::string_view only_upgrade(const Fields& fields) {
  std::string_view value;
  std::size_t count = 0;
  for (const Field& field : fields) {
    if (field.kind != FieldKind::hop_by_hop || !base::iequals(field.name, "upgrade")) continue;
    value = field.value;
    ++count;
  }
  return count == 1 ? value : std::string_view{};
}

}  // namespace

std::string_view offered_upgrade(const RequestHead& request) {
  const bool content = request.framing == Framing::chunked || request.content_length > 0;
  if (!request.connection().upgrade || request.http_1_0 || content) return {};
  const auto value = only_upgrade(request.fields());
  bool sound = true, any = false;
  base::for_each_element(value, [&](std::string_view protocol) {
    sound = sound && is_protocol(protocol);
    any = any || may_pass(protocol);
  });
  return sound && any ? value : std::string_view{};
}

void append_protocols(base::TextBuffer& out, std::string_view offered) {
  bool first = true;
  base::for_each_element(offered, [&](std::string_view protocol) {
    if (!may_pass(protocol)) return;
    if (!first) out.append(", ");
    out.append(protocol);
    first = false;
  });
}

std::string_view switched_protocol(const ResponseHead& response, std::string_view offered) {
  if (response.status != 101 || response.http_1_0 || !response.connection().upgrade) return {};
  const auto chosen = only_upgrade(response.fields());
  bool was_offered = false;
  base::for_each_element(offered, [&](std::string_view protocol) {
    was_offered = was_offered || (may_pass(protocol) && base::iequals(protocol, chosen));
  });
  return was_offered ? chosen : std::string_view{};
}

}  // namespace canary::http
