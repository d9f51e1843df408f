// The rules of the house that a compiler does not know (docs/architecture.md): who may include
// whom, which room sees which library, how long things may be, and what must not be written.
#pragma once

#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "tidy/source.hpp"

namespace canary::tidy {

struct Violation {
  std::string path;
  std::size_t line = 0;  // from 1
  std::string what;
};
using Violations = std::vector<Violation>;
/// `gateway/http/body.hpp:12: ...`, a line each.
std::ostream& operator<<(std::ostream& out, const Violations& violations);

/// The rooms as CMakeLists.txt declares them, lowest first, and what each one uses.
struct Rooms {
  std::vector<std::string> order;
  std::map<std::string, std::set<std::string>> uses;
  std::map<std::string, std::size_t> line;  // of the declaration
};
Rooms parse_rooms(std::string_view cmake);
/// A room uses only rooms declared above it, hence never in a circle; nobody but run sees the data
/// plane's.
Violations check_rooms(const Rooms& rooms);

/// Includes by room, own header first, `"room/file.hpp"` form.
Violations check_includes(const Source& source, const Rooms& rooms);
/// A call is the same whatever the wire: it sees no socket, no loop and no buffer.
Violations check_call(const Source& source);
/// Libraries that only one or a few rooms may see.
Violations check_fences(const Source& source);

/// Something longer than the limit that is tolerated for now. It only shrinks: when it does, the
/// entry has to follow, and at last to go.
struct Exception {
  std::string what;  // a path, or path:function
  std::size_t lines = 0;
};
inline constexpr std::size_t max_columns = 100, max_file_lines = 400, max_function_lines = 70;
Violations check_columns(const Source& source);
Violations check_file_length(const Source& source, const std::vector<Exception>& exceptions);
Violations check_function_length(const Source& source, const std::vector<Exception>& exceptions);

struct Function {
  std::string name;
  std::size_t line = 0;   // where its declaration begins
  std::size_t lines = 0;  // up to the closing brace
};
/// The function bodies at namespace and class level, found by their braces.
std::vector<Function> functions_of(const Source& source);

/// #pragma once, and a first line that begins to say what the header is for.
Violations check_header(const Source& source);
/// GCC 12 miscompiles a temporary awaiter within the condition of an if or a loop.
Violations check_awaits(const Source& source);
/// Time and randomness are arguments, except where they come from.
Violations check_time(const Source& source);
/// Marks of unfinished work, and `using namespace` in headers.
Violations check_words(const Source& source);

}  // namespace canary::tidy
