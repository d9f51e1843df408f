// The durable record: SQLite (WAL, synchronous=FULL) in state_dir, `state.db`, written by a thread
// of its own. The control thread reads it once at start and then only appends; answers come back
// through a callback on the writer thread (the caller posts it to where it belongs).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "rollout/advance.hpp"
#include "rollout/state.hpp"
#include "store/figure_table.hpp"

namespace canary::store {

/// A history row: an Entry with its place in time.
struct HistoryRow {
  std::int64_t id = 0;  // grows; 0 until committed
  base::WallTime time{};
  std::string model, canary;
  std::uint64_t generation = 0;  // of the configuration in force
  rollout::Entry entry;
};

/// The history keeps this many rows. Then the oldest harmless one goes (rollout::Entry), and only
/// without one the oldest decision.
inline constexpr std::size_t history_capacity = 100'000;

/// A message that has to reach a receiver, kept until it did. Beyond outbox_capacity the oldest
/// harmless one gives way, and only without one the oldest of all.
struct OutboxRow {
  std::string id, receiver, body;
  base::WallTime created{};
  bool harmless = false;
};
inline constexpr std::size_t outbox_capacity = 10'000;

/// A command that was sent with a key of its own, and what it was answered; status 0: not yet.
struct CommandRow {
  std::string key, fingerprint;
  int status = 0;
  std::string body;
};
inline constexpr std::size_t command_capacity = 10'000;

class Journal {
 public:
  struct Opened {
    std::unique_ptr<Journal> journal;
    std::vector<rollout::State> states;  // everything remembered, in no order
    std::vector<OutboxRow> outbox;       // not yet delivered, oldest first
    std::vector<CommandRow> commands;    // the oldest first
    std::vector<FigureRow> figures;      // for reports
    bool first_start = false;            // the database did not exist
    bool lost = false;  // it was corrupt or removed: a new one was begun, loss_settled() is due
    bool lost_just_now = false;  // not by an earlier start, which ended before that
    std::string kept_aside;      // the corrupt one's new name
    std::string latch_instance;  // of the latch file that belongs to it; empty: unknown
    bool complete = false;       // the last gateway ended with everything committed
  };
  /// How to open it; all but `existed` is for a rehearsal.
  struct Options {
    bool existed = false;          // a gateway ran here before, whatever is left of it
    bool sync = true;              // false: a power cut may take what was committed
    std::function<bool()> refuse;  // on the writer thread: the disk takes no write now
    // Between attempts to write what was refused; doubled up to longest_pause.
    std::chrono::milliseconds first_pause{1000}, longest_pause{16000};
    std::size_t history = history_capacity;
  };
  /// Opens, checks (PRAGMA integrity_check) and migrates. An error means: no database can be had
  /// at all (for instance a full disk at first start).
  static base::Result<Opened> open(const std::filesystem::path& state_dir);
  static base::Result<Opened> open(const std::filesystem::path& state_dir, Options options);
  /// Commits what is queued, then ends the thread.
  ~Journal();

  /// Durably writes the state, its history row and its messages in one transaction, in the order
  /// of the calls. A message that is there already (same id and receiver) is left as it is.
  /// `done` gets the outcome on the writer thread. A failed write of a lowering is retried until it
  /// succeeds (`retry`), so that it becomes durable when the disk has room again.
  struct Record {
    rollout::State state;
    std::optional<HistoryRow> row;
    std::vector<OutboxRow> messages;
    std::vector<std::string> former{};  // models under which the canary's state stood: removed
  };
  void commit(Record record, bool retry, std::function<void(base::Result<void>)> done);

  /// Forgets a message: it was delivered, or given up. A failure is logged; the message is then
  /// sent again after the next start.
  void settle(const std::string& id, const std::string& receiver);

  /// Remembers a command, or its answer. Before the command's own commit() it is on the disk before
  /// the decision is. Without room for it (too many are on their way, a full disk) it is not kept.
  void remember(CommandRow command);
  void forget_command(const std::string& key);
  /// Writes the figures down, in one transaction; `done` on the writer thread.
  void save_figures(std::vector<FigureRow> rows, std::function<void(base::Result<void>)> done);
  /// What had to be done about a lost database is done and committed. Until then every start finds
  /// it lost.
  void loss_settled();
  /// Writes down which latch file belongs to this database.
  void remember_latch_file(const std::string& instance);

  /// Other disk work of the state directory, on the writer thread in the order of the calls: the
  /// control thread never waits for a disk.
  void perform(std::function<base::Result<void>()> work,
               std::function<void(base::Result<void>)> done);

  /// The newest rows first; of one model, or of all when empty. Reads on the writer thread.
  void history(std::string model, std::size_t limit,
               std::function<void(base::Result<std::vector<HistoryRow>>)> done);

  /// How many jobs it was given so far. Control thread.
  std::uint64_t submitted() const;

  /// Whether the last write succeeded; false raises `canary_gateway_state_durable` 0. Any thread.
  bool healthy() const;

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::store
