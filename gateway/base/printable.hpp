// Text of others (names, reasons, paths) made safe to show on a terminal. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace canary::base {

/// Whether a terminal or an editor acts on the character instead of showing it, or shows nothing:
/// the controls C0, DEL and C1, separators of lines and paragraphs, marks and overrides of
/// direction (Unicode Technical Report 36, 2.5), invisible characters and tags.
bool is_control(char32_t character);
/// Whether it shows nothing or changes how others are shown: the controls, and besides them what
/// text may need (joiners of a script, selectors of a variant) but no name does.
bool is_hidden(char32_t character);

/// The length of the valid UTF-8 sequence at the front of `text` (RFC 3629), or 0.
std::size_t utf8_length(std::string_view text);
/// The character of a valid sequence.
char32_t utf8_decode(std::string_view sequence);

/// `text` on one line: a line break becomes a space, any other control and what is not UTF-8 `?`.
std::string printable(std::string_view text);
/// As printable(), but line breaks stay.
std::string printable_lines(std::string_view text);

}  // namespace canary::base
