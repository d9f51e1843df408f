// One access-log line: a JSON object (docs/operations.md lists its fields).
#pragma once

#include <string>
#include <string_view>

#include "proxy/exchange_record.hpp"

namespace canary::proxy {

/// Writes the line, with its newline, into `out` (replacing what was there). `request`: method,
/// space, target. `status`: what the client was sent, 0 for nothing.
void write_access_line(std::string& out, std::string_view request, std::string_view request_id,
                       std::string_view peer, std::uint16_t status, const ExchangeRecord& record,
                       base::WallTime wall, MonoTime now);

}  // namespace canary::proxy
