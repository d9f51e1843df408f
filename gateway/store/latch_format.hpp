// The bytes of the latch file: a grammar, and pure functions between bytes and values. Machine byte
// order.
//   file     header, 1023 slots, 32 notes
//   header   256 bytes: magic "CNRYLAT2" (8), slot count (4), slot size (4), instance (16), the
//            instance that the database may still know (16), unsettled (1), zeros, CRC-32 of
//            everything before (4)
//            unsettled: a start found that something was lost, and has not yet latched for it
//   slot     256 bytes: name length (2), name "model\0version" (222), CRC-32 of the name (4),
//            attempt (4), rollbacks (4), flag, cap, file, phase (2 each; 16383: absent), latched
//            (1), zeros (3), zeros (4), CRC-32 of everything before (4)
//            name length 0: the slot is free; a free slot has its CRC too, so zeros are damage
//   note     4096 bytes: name length (2), text length (2), rollback number (4), order (8), name and
//            text (4076), CRC-32 of everything before (4); all zeros: empty
// Version 1 ("CNRYLAT1") had other slots and no notes; decode_file reads it, nobody writes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace canary::store {

/// What the file keeps of one (model, canary version).
struct LatchSlot {
  std::optional<base::BasisPoints> flag;
  base::BasisPoints cap = base::full_weight;
  base::BasisPoints file = base::full_weight;  // the ceiling last in force by the file
  std::optional<base::BasisPoints> phase;      // absent: no plan
  bool latched = false;
  std::uint32_t attempt = 1;
  std::uint32_t rollbacks = 0;  // decided, the present one included
  bool operator==(const LatchSlot&) const = default;
};

/// The words of a rollback that may not be in the database yet.
struct LatchNote {
  std::string name;
  std::uint32_t rollback = 0;  // its number
  std::uint64_t order = 0;     // grows with each note: the oldest gives way
  std::string text;
};

namespace latch_format {

inline constexpr std::size_t slot_count = 1023, slot_bytes = 256, name_capacity = 222;
inline constexpr std::size_t note_count = 32, note_bytes = 4096;
inline constexpr std::size_t notes_begin = (slot_count + 1) * slot_bytes;
inline constexpr std::size_t file_bytes = notes_begin + note_count * note_bytes;
inline constexpr std::size_t instance_bytes = 16;

using Slot = std::array<char, slot_bytes>;
using Note = std::array<char, note_bytes>;
using Instance = std::array<unsigned char, instance_bytes>;

/// 32 hexadecimal digits, and back; nothing for what is no instance.
std::string hex_of(const Instance& instance);
std::optional<Instance> instance_from(const std::string& hex);

std::string slot_name(std::string_view model, std::string_view canary);

Slot encode_header(const Instance& instance, const Instance& former, bool unsettled = false);
/// `name` empty: a free slot. Percentages above 100% are stored as 100%.
Slot encode_slot(std::string_view name, const LatchSlot& slot);
/// What the note's room cannot hold of the text is left out.
Note encode_note(const LatchNote& note);

/// What bytes said to be a latch file hold.
struct Decoded {
  std::optional<Instance> instance;  // absent: the header is damaged
  Instance former{};                 // zeros: none
  struct Entry {
    std::uint32_t index = 0;
    std::string name;
    LatchSlot slot;
  };
  std::vector<Entry> entries;
  std::vector<LatchNote> notes;
  bool unsettled = false;  // the header's
  bool old_version = false;
  std::string damage;  // the first thing that was wrong; empty: sound
  bool lost = false;   // of something that stood there not even the name is left
};
/// Takes from the bytes whatever their checksums vouch for. A slot whose name is sound and whose
/// terms are not reads as: everything 0, latched (the safe side), no flag, attempt 0 (unknown).
Decoded decode_file(std::string_view bytes);

}  // namespace latch_format
}  // namespace canary::store
