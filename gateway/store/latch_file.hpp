// The latch file: what survives kill -9 without waiting for a disk.
//
// A preallocated MAP_SHARED file in state_dir, `latch`, in the machine's byte order:
//   header   256 bytes: magic "CNRYLAT1" (8), slot count (4), slot size (4), instance (16), zeros
//   slot     256 bytes: name length (2, atomic), name "model\0version" (222), CRC-32 of the name
//            (4), padding (4), counts (8, atomic), word (8, atomic), phase word (8, atomic)
//   counts   bits 0-31 attempt, 32-63 rollbacks
//   word     bits 0-13 flag (16383: absent), 14-27 cap, 28-41 file, 42 latched, 43 used,
//            48-63 check over bits 0-47
//   phase word   bits 0-13 what the plan's phase allows, 43 used, 48-63 check; all 0: no plan
// A lowering is one 64-bit store into the word, after the counts'; a lower phase is stored before
// the word and a higher one after it, so that no moment between the two allows more than both. A
// new slot becomes visible by its name's length, stored last. A word whose check fails reads as:
// everything 0, latched (the safe side). Slots are never freed: a latch is for ever. One thread
// (control). Survives the process, not a power cut.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "rollout/state.hpp"

namespace canary::store {

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

class LatchFile {
 public:
  static constexpr std::uint32_t slot_count = 1023;  // the file is 256 KiB

  /// Opens or creates and preallocates the file (an error: no room for it). An unreadable file is
  /// moved aside as `latch.corrupt-<time>` and `lost()` is true.
  static base::Result<LatchFile> open(const std::filesystem::path& state_dir);
  LatchFile(LatchFile&&) noexcept;
  LatchFile& operator=(LatchFile&&) noexcept;
  ~LatchFile();

  std::optional<LatchSlot> read(const std::string& model, const std::string& canary) const;
  /// Stores at once; creates the slot when needed. An error only when all slots are taken or the
  /// name is too long. Percentages above 100% are stored as 100%.
  base::Result<void> write(const std::string& model, const std::string& canary,
                           const LatchSlot& slot);
  bool lost() const { return lost_; }
  /// 32 hexadecimal digits drawn when the file was made: names this gateway's rollouts among those
  /// of others.
  std::string instance() const;
  std::size_t size() const;  // slots in use

 private:
  LatchFile() = default;
  struct Mapping;
  std::unique_ptr<Mapping> mapping_;
  bool lost_ = false;
};

}  // namespace canary::store
