// What the journal's tables look like, and how rows become structs. On the thread that has the
// database at the moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/journal.hpp"
#include "store/sqlite.hpp"

namespace canary::store {

/// Brings the tables to this release's version (PRAGMA user_version), in one transaction. `lost`: a
/// new database takes the place of one that was lost; it says so itself until write_loss_settled().
/// An error for a database that a newer release wrote.
base::Result<void> migrate(Database& database, bool lost = false);
base::Result<std::int64_t> table_version(Database& database);

base::Result<std::vector<rollout::State>> read_states(Database& database);
/// Whether the history tells of a canary whose state is not there: states are never removed, so
/// somebody took them out.
base::Result<bool> states_are_missing(Database& database);

/// The state, its row and its messages in one transaction.
base::Result<void> write(Database& database, const Journal::Record& record);
/// The same within a transaction that was begun.
base::Result<void> write_record(Database& database, const Journal::Record& record);
/// Removes the oldest harmless rows beyond `capacity`, and without them the oldest of all.
base::Result<void> shorten_history(Database& database, std::size_t capacity);
/// Oldest first.
base::Result<std::vector<OutboxRow>> read_outbox(Database& database);
base::Result<void> remove_message(Database& database, const std::string& id,
                                  const std::string& receiver);
/// Newest first.
base::Result<std::vector<HistoryRow>> read_history(Database& database, const std::string& model,
                                                   std::size_t limit);

}  // namespace canary::store
