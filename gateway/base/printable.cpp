#include "base/printable.hpp"

namespace canary::base {
namespace {

enum class Effect : std::uint8_t {
  acts,   // a terminal or an editor acts on it, or shows nothing where something stands
  hides,  // it shows nothing, or changes how others are shown, in ways that text may need
};
struct Range {
  char32_t first, last;
  Effect effect;
};
using enum Effect;
// Unicode 15: Cc, Cf, Zl, Zp, Default_Ignorable_Code_Point, private use, noncharacters, blanks that
// are no spaces. The last two of each plane are noncharacters as well.
constexpr Range not_seen[] = {
    {0x0000, 0x001F, acts},   {0x007F, 0x009F, acts},     {0x00AD, 0x00AD, acts},
    {0x034F, 0x034F, hides},  {0x0600, 0x0605, hides},    {0x061C, 0x061C, acts},
    {0x06DD, 0x06DD, hides},  {0x070F, 0x070F, hides},    {0x0890, 0x0891, hides},
    {0x08E2, 0x08E2, hides},  {0x115F, 0x1160, hides},    {0x17B4, 0x17B5, hides},
    {0x180B, 0x180D, hides},  {0x180E, 0x180E, acts},     {0x180F, 0x180F, hides},
    {0x200B, 0x200F, acts},   {0x2028, 0x202E, acts},     {0x2060, 0x206F, acts},
    {0x2800, 0x2800, hides},  {0x3164, 0x3164, hides},    {0xE000, 0xF8FF, hides},
    {0xFDD0, 0xFDEF, hides},  {0xFE00, 0xFE0F, hides},    {0xFEFF, 0xFEFF, acts},
    {0xFFA0, 0xFFA0, hides},  {0xFFF0, 0xFFF8, hides},    {0xFFF9, 0xFFFB, acts},
    {0xFFFC, 0xFFFD, hides},  {0x1BCA0, 0x1BCA3, hides},  {0x1D173, 0x1D17A, acts},
    {0xE0000, 0xE0FFF, acts}, {0xF0000, 0x10FFFF, hides},
};

const Range* find(char32_t character) {
  for (const Range& range : not_seen)
    if (character >= range.first && character <= range.last) return &range;
  return nullptr;
}

std::string shown(std::string_view text, bool keeps_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(sequence.size());
    if (sequence == "\n")
      out += keeps_lines ? '\n' : ' ';
    else if (sequence == "\t")
      out += ' ';
    else if (length == 0 || is_control(utf8_decode(sequence)))
      out += '?';
    else
      out += sequence;
  }
  return out;
}

}  // namespace

bool is_control(char32_t character) {
  const Range* range = find(character);
  return range && range->effect == acts;
}

bool is_hidden(char32_t character) { return find(character) || (character & 0xFFFE) == 0xFFFE; }

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

char32_t utf8_decode(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t code = byte(0) & (0xFFu >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) code = code << 6 | (byte(i) & 0x3Fu);
  return code;
}

std::string printable(std::string_view text) { return shown(text, false); }
std::string printable_lines(std::string_view text) { return shown(text, true); }

}  // namespace canary::base
