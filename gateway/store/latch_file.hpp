// The latch file: what survives kill -9 without waiting for a disk. `latch` in state_dir, its bytes
// in store/latch_format.
//
// What it holds stands in memory too, and memory is what counts: a store changes it and hands the
// slot to the kernel with one pwrite inside one page, which a kill -9 cannot divide. Nothing is
// mapped, so a file that shrinks under the gateway is an error to report, not a SIGBUS. The file's
// room is taken when it is made, so that a store needs no free disk. `check` compares file and
// memory, and makes the file anew from memory where they differ. Survives the process, not a power
// cut. One thread (control).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/files.hpp"
#include "store/latch_format.hpp"

namespace canary::store {

class LatchFile {
 public:
  static constexpr std::uint32_t slot_count = latch_format::slot_count;

  /// Opens or creates the file. What is damaged in it is kept aside as `latch.corrupt-<time>`, what
  /// is sound in it is taken over into a new one. An error only where neither a file nor a database
  /// is there yet: else a file that cannot be had is fault().
  static base::Result<LatchFile> open(const std::filesystem::path& state_dir);
  LatchFile(LatchFile&&) noexcept;
  LatchFile& operator=(LatchFile&&) noexcept;
  ~LatchFile();

  /// Compares with what the database knows: `existed`, it is not from this start; `instance`, which
  /// latch file it belongs to (empty: unknown). A file of another gateway is kept aside, not read.
  void settle(bool existed, const std::string& instance);

  /// Another instance from now on: what is numbered anew must not pass for what was told before.
  /// `known`: the one that the database knows, which may not learn of the new one for long.
  void renew_instance(const std::string& known);

  std::optional<LatchSlot> read(const std::string& model, const std::string& canary) const;
  /// Stores at once; takes a slot when needed. An error only when all slots are taken or the name
  /// is too long. Where the disk refuses, the value counts all the same and fault() says so.
  base::Result<void> write(const std::string& model, const std::string& canary,
                           const LatchSlot& slot);
  /// Frees the slot, if there is one.
  void free(const std::string& model, const std::string& canary);
  /// The (model, canary version) pairs that have a slot.
  std::vector<std::pair<std::string, std::string>> names() const;

  /// Keeps the words of a rollback until 32 later ones took their room.
  void keep_note(const std::string& model, const std::string& canary, std::uint32_t rollback,
                 const std::string& text);
  /// By the version's name, under whatever model it was then: it may be another model's since.
  std::optional<std::string> note(const std::string& canary, std::uint32_t rollback) const;

  /// What `check` found.
  struct Found {
    std::string damage;      // what was wrong with the file
    std::string kept_aside;  // where the damaged one is now; empty: nowhere
    std::string error;       // why no new one could be made; empty: it was made
  };
  /// Reads the file back; where it is not what was stored, makes it anew from memory. Nothing: it
  /// is as it must be, or the next attempt is not due. Syncs nothing.
  std::optional<Found> check(base::MonoTime now);

  /// Something that the file held cannot be read any more. `damage` says what was found at the
  /// start, also where nothing is lost by it. The file says so itself until loss_settled(): a start
  /// that is killed before leaves it to the next one.
  bool lost() const;
  /// It was this start that found it.
  bool lost_just_now() const;
  /// What had to be done about it is done, and stands in the slots.
  void loss_settled();
  bool foreign() const;  // it was of another gateway, or of another database than this one
  const std::string& damage() const;
  const std::string& kept_aside() const;
  /// Why what is in memory is not in the file now; empty: it is.
  const std::string& fault() const;

  /// 32 hexadecimal digits drawn when the file was made: names this gateway's rollouts among those
  /// of others.
  std::string instance() const;
  std::size_t size() const;  // slots in use

 private:
  struct Impl;
  explicit LatchFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::store
