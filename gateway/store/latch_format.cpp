#include "store/latch_format.hpp"

#include <algorithm>
#include <cstring>

#include "store/crc32.hpp"
#include "store/latch_format_v1.hpp"

namespace canary::store::latch_format {
namespace {

constexpr std::string_view magic = "CNRYLAT2", old_magic = "CNRYLAT1";
constexpr std::uint16_t absent = 16383;
constexpr std::size_t note_text_at = 16, note_room = note_bytes - note_text_at - 4;

struct Header {
  char magic[8];
  std::uint32_t slot_count, slot_size;
  unsigned char instance[instance_bytes], former[instance_bytes];
  std::uint8_t unsettled;
  char zeros[slot_bytes - 53];
  std::uint32_t crc;
};
struct RawSlot {
  std::uint16_t name_length;
  char name[name_capacity];
  std::uint32_t name_crc;
  std::uint32_t attempt, rollbacks;
  std::uint16_t flag, cap, file, phase;
  std::uint8_t latched;
  std::uint8_t zeros[7];
  std::uint32_t crc;
};
static_assert(sizeof(Header) == slot_bytes && sizeof(RawSlot) == slot_bytes);

template <class T>
std::uint32_t crc_of(const T& record) {
  return crc32(&record, sizeof record - sizeof record.crc);
}

template <class To, class From>
To copied(const From& from) {
  To to;
  static_assert(sizeof to == sizeof from);
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <class T>
T read_at(std::string_view bytes, std::size_t offset) {
  T out;
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

std::uint16_t bounded(base::BasisPoints value) {
  return static_cast<std::uint16_t>(std::min(value, base::full_weight));
}
std::uint16_t optional_term(const std::optional<base::BasisPoints>& value) {
  return value ? bounded(*value) : absent;
}
bool is_term(std::uint16_t value) { return value <= base::full_weight; }

/// The safe side of terms that nobody vouches for. No flag: the latch holds the weight at 0, and
/// whoever opens it should not find a flag that nobody has set.
LatchSlot closed() {
  LatchSlot slot;
  slot.phase = base::BasisPoints{0};
  slot.cap = slot.file = 0;
  slot.latched = true;
  slot.attempt = 0;
  return slot;
}

LatchSlot terms_of(const RawSlot& raw) {
  LatchSlot slot;
  const auto term = [](std::uint16_t value) { return static_cast<base::BasisPoints>(value); };
  const bool sound = raw.crc == crc_of(raw) && is_term(raw.cap) && is_term(raw.file) &&
                     (is_term(raw.flag) || raw.flag == absent) &&
                     (is_term(raw.phase) || raw.phase == absent);
  if (!sound) return closed();
  if (raw.flag != absent) slot.flag = term(raw.flag);
  if (raw.phase != absent) slot.phase = term(raw.phase);
  slot.cap = term(raw.cap);
  slot.file = term(raw.file);
  slot.latched = raw.latched != 0;
  slot.attempt = raw.attempt;
  slot.rollbacks = raw.rollbacks;
  return slot;
}

void decode_slot(const RawSlot& raw, std::uint32_t index, Decoded& out) {
  const bool sound = raw.crc == crc_of(raw);
  if (!sound && out.damage.empty()) out.damage = "slot " + std::to_string(index) + " is damaged";
  if (sound && raw.name_length == 0) return;
  if (raw.name_length == 0 || raw.name_length > name_capacity ||
      crc32(raw.name, raw.name_length) != raw.name_crc) {
    out.lost = true;
    return;
  }
  out.entries.push_back({index, std::string(raw.name, raw.name_length), terms_of(raw)});
}

void decode_note(std::string_view bytes, Decoded& out) {
  const auto stored = read_at<std::uint32_t>(bytes, note_bytes - 4);
  if (stored != crc32(bytes.data(), note_bytes - 4)) {
    const bool empty = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
    if (!empty && out.damage.empty()) out.damage = "a rollback's note is damaged";
    return;
  }
  const std::size_t name = read_at<std::uint16_t>(bytes, 0),
                    text = read_at<std::uint16_t>(bytes, 2);
  if (name + text > note_room) return;
  out.notes.push_back({std::string(bytes.substr(note_text_at, name)),
                       read_at<std::uint32_t>(bytes, 4), read_at<std::uint64_t>(bytes, 8),
                       std::string(bytes.substr(note_text_at + name, text))});
}

void decode_header(std::string_view bytes, Decoded& out) {
  const auto header = read_at<Header>(bytes, 0);
  const bool sound = std::memcmp(header.magic, magic.data(), magic.size()) == 0 &&
                     header.slot_count == slot_count && header.slot_size == slot_bytes &&
                     header.crc == crc_of(header);
  if (sound) {
    out.instance = copied<Instance>(header.instance);
    out.former = copied<Instance>(header.former);
    out.unsettled = header.unsettled != 0;
  } else if (out.damage.empty()) {
    out.damage = "the head is damaged";
  }
}

}  // namespace

std::string slot_name(std::string_view model, std::string_view canary) {
  std::string name(model);
  name += '\0';
  return name += canary;
}

std::string hex_of(const Instance& instance) {
  constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : instance) {
    text += hex[byte >> 4];
    text += hex[byte & 15];
  }
  return text;
}

std::optional<Instance> instance_from(const std::string& hex) {
  Instance instance;
  if (hex.size() != 2 * instance.size()) return std::nullopt;
  for (std::size_t i = 0; i < instance.size(); ++i) {
    const auto byte = std::strtoul(hex.substr(2 * i, 2).c_str(), nullptr, 16);
    instance[i] = static_cast<unsigned char>(byte);
  }
  return hex_of(instance) == hex ? std::optional(instance) : std::nullopt;
}

Slot encode_header(const Instance& instance, const Instance& former, bool unsettled) {
  Header header{};
  std::memcpy(header.magic, magic.data(), sizeof header.magic);
  header.slot_count = slot_count;
  header.slot_size = slot_bytes;
  std::memcpy(header.instance, instance.data(), instance.size());
  std::memcpy(header.former, former.data(), former.size());
  header.unsettled = unsettled ? 1 : 0;
  header.crc = crc_of(header);
  return copied<Slot>(header);
}

Slot encode_slot(std::string_view name, const LatchSlot& slot) {
  RawSlot raw{};
  if (!name.empty()) {
    raw.name_length = static_cast<std::uint16_t>(name.size());
    std::memcpy(raw.name, name.data(), name.size());
    raw.name_crc = crc32(name.data(), name.size());
    raw.attempt = slot.attempt;
    raw.rollbacks = slot.rollbacks;
    raw.flag = optional_term(slot.flag);
    raw.cap = bounded(slot.cap);
    raw.file = bounded(slot.file);
    raw.phase = optional_term(slot.phase);
    raw.latched = slot.latched ? 1 : 0;
  }
  raw.crc = crc_of(raw);
  return copied<Slot>(raw);
}

Note encode_note(const LatchNote& note) {
  Note bytes{};
  const std::size_t name = note.name.size();
  const std::size_t text = std::min(note.text.size(), note_room - name);
  const auto put = [&bytes](std::size_t offset, auto value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  };
  put(0, static_cast<std::uint16_t>(name));
  put(2, static_cast<std::uint16_t>(text));
  put(4, note.rollback);
  put(8, note.order);
  std::memcpy(bytes.data() + note_text_at, note.name.data(), name);
  std::memcpy(bytes.data() + note_text_at + name, note.text.data(), text);
  put(note_bytes - 4, crc32(bytes.data(), note_bytes - 4));
  return bytes;
}

Decoded decode_file(std::string_view bytes) {
  Decoded out;
  if (bytes.starts_with(old_magic)) return decode_version_1(bytes);
  if (bytes.size() != file_bytes)
    out.damage = "it has " + std::to_string(bytes.size()) + " bytes instead of " +
                 std::to_string(file_bytes);
  out.lost = bytes.size() < notes_begin;
  if (bytes.size() >= slot_bytes) decode_header(bytes, out);
  for (std::uint32_t i = 0; i < slot_count && (i + 2) * slot_bytes <= bytes.size(); ++i)
    decode_slot(read_at<RawSlot>(bytes, (i + 1) * slot_bytes), i, out);
  for (std::size_t i = 0; notes_begin + (i + 1) * note_bytes <= bytes.size() && i < note_count; ++i)
    decode_note(bytes.substr(notes_begin + i * note_bytes, note_bytes), out);
  return out;
}

}  // namespace canary::store::latch_format
