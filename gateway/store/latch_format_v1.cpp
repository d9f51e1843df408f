#include "store/latch_format_v1.hpp"

#include <algorithm>
#include <cstring>

#include "store/crc32.hpp"

namespace canary::store::latch_format {
namespace {

constexpr std::uint64_t flag_absent = 16383, low_48 = 0xFFFF'FFFF'FFFF;
constexpr std::size_t old_file_bytes = (slot_count + 1) * slot_bytes;

struct OldSlot {
  std::uint16_t name_length;
  char name[name_capacity];
  std::uint32_t name_crc, padding;
  std::uint64_t counts, word, phase_word;
};
static_assert(sizeof(OldSlot) == slot_bytes);

bool vouched_for(std::uint64_t word) {
  const std::uint64_t low = word & low_48;
  const std::uint32_t crc = crc32(&low, 6);
  return word >> 48 == ((crc ^ (crc >> 16)) & 0xFFFF);
}

LatchSlot terms_of(const OldSlot& old, bool& damaged) {
  LatchSlot slot;
  slot.attempt = static_cast<std::uint32_t>(old.counts);
  slot.rollbacks = static_cast<std::uint32_t>(old.counts >> 32);
  const auto flag = old.word & 0x3FFF, cap = (old.word >> 14) & 0x3FFF,
             file = (old.word >> 28) & 0x3FFF;
  const bool sound = vouched_for(old.word) && (old.word >> 43 & 1) != 0 &&
                     (flag <= base::full_weight || flag == flag_absent) &&
                     cap <= base::full_weight && file <= base::full_weight;
  damaged = !sound;
  if (!sound) {
    slot.cap = slot.file = 0;
    slot.latched = true;
  } else {
    if (flag != flag_absent) slot.flag = static_cast<base::BasisPoints>(flag);
    slot.cap = static_cast<base::BasisPoints>(cap);
    slot.file = static_cast<base::BasisPoints>(file);
    slot.latched = (old.word >> 42 & 1) != 0;
  }
  if (old.phase_word == 0) return slot;
  const std::uint64_t phase = old.phase_word & 0x3FFF;
  const bool known = vouched_for(old.phase_word) && phase <= base::full_weight;
  slot.phase = known ? static_cast<base::BasisPoints>(phase) : base::BasisPoints{0};
  return slot;
}

}  // namespace

Decoded decode_version_1(std::string_view bytes) {
  Decoded out;
  out.old_version = true;
  const auto note = [&out](const std::string& what, bool lost) {
    if (out.damage.empty()) out.damage = what;
    out.lost |= lost;
  };
  if (bytes.size() != old_file_bytes)
    note("it has " + std::to_string(bytes.size()) + " bytes instead of " +
             std::to_string(old_file_bytes),
         bytes.size() < old_file_bytes);
  if (bytes.size() >= slot_bytes) {
    Instance instance;
    std::memcpy(instance.data(), bytes.data() + 16, instance.size());
    // A still older release's file has none.
    if (std::any_of(instance.begin(), instance.end(), [](auto byte) { return byte != 0; }))
      out.instance = instance;
  }
  bool ended = false;
  for (std::uint32_t i = 0; i < slot_count && (i + 2) * slot_bytes <= bytes.size(); ++i) {
    OldSlot old;
    std::memcpy(&old, bytes.data() + (i + 1) * slot_bytes, sizeof old);
    if (old.name_length == 0) {
      ended = true;
      continue;
    }
    // Slots were taken in order: a name after a free slot means that one was damaged.
    if (ended) note("a slot before slot " + std::to_string(i) + " is gone", true);
    if (old.name_length > name_capacity || crc32(old.name, old.name_length) != old.name_crc) {
      note("the name of slot " + std::to_string(i) + " is damaged", true);
      continue;
    }
    bool damaged = false;
    const LatchSlot slot = terms_of(old, damaged);
    if (damaged) note("the content of slot " + std::to_string(i) + " is damaged", false);
    out.entries.push_back({i, std::string(old.name, old.name_length), slot});
  }
  return out;
}

}  // namespace canary::store::latch_format
