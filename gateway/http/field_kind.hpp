// What a field means to the gateway. Decided once, when the head is parsed; the gate and the head
// builders then only switch on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace canary::http {

enum class FieldKind : std::uint8_t {
  plain,       // end-to-end; Connection may take it away
  kept,        // end-to-end, and Connection may not: see connection_options.hpp
  hop_by_hop,  // ends here, listed in Connection or not
  connection,
  host,
  content_length,
  transfer_encoding,
  expect,
  forwarded_for,    // X-Forwarded-For
  forwarded_host,   // X-Forwarded-Host
  forwarded_proto,  // X-Forwarded-Proto
  forwarded_port,   // X-Forwarded-Port
  forwarded,        // Forwarded, X-Real-IP and every other X-Forwarded-*
  request_id,       // X-Request-Id
  model_version,    // X-Model-Version
  date,
  content_type,  // kept, too
  retry_after,
  location,  // Location and Content-Location; kept, too
  max_forwards,
};

/// `name` is a token. ASCII case-insensitive. A name that an upstream could take for one of the
/// gateway's own words, because it reads `_` as `-` (CGI, WSGI), is hop_by_hop: it ends here.
FieldKind field_kind(std::string_view name);

}  // namespace canary::http
