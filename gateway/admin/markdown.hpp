// Text of people and of judges made safe inside a Markdown document. Pure.
#pragma once

#include <string>
#include <string_view>

namespace canary::admin {

/// `text` as inline text that shows what it says, also in a table's cell: on one line, without
/// control characters (base/printable), and nothing in it is emphasis, a link, an image, code, HTML
/// or the end of a cell. `>`, `.` and `-` mean nothing within a line and stay.
std::string markdown_text(std::string_view text);

}  // namespace canary::admin
