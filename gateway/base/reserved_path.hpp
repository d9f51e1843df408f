// The paths that belong to the gateway itself, `/internal` and `/ofrep`: no request for them goes
// to a version's server, however it is spelled. Pure, allocates nothing for a path without `%`.
#pragma once

#include <string_view>

namespace canary::base {

/// Whether a server could take `path` (without its query) for one of the gateway's own paths or for
/// something below them. Asked about every spelling that a server may normalise: percent-encoding,
/// also several times over; empty and dot segments; `%2f` and backslash as a slash or not;
/// `;parameters`; encoded `?`, `#` and NUL; upper case; dots and blanks at a segment's end. A
/// segment ends before `:`, as routes have it.
bool is_reserved_path(std::string_view path);

}  // namespace canary::base
