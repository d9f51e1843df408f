// One access-log line: a JSON object (docs/operations.md lists its fields).
#pragma once

#include <string>
#include <string_view>

#include "call/record.hpp"

namespace canary::call {

struct AccessLine {
  std::string_view request;  // the client's address, method, target; a space between them
  std::string_view request_id;
  std::string_view peer;     // the connection's address, written where it is another
  std::uint16_t status = 0;  // what the client was sent; 0: nothing
};

/// Writes the line, with its newline, into `out` (replacing what was there).
void write_access_line(std::string& out, const AccessLine& line, const CallRecord& record,
                       base::WallTime wall, MonoTime now);

}  // namespace canary::call
