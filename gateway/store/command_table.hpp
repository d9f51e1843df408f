// The table of commands that were sent with a key of their own (docs/api.md), beside the journal's
// others. On the thread that has the database at the moment.
#pragma once

#include <string>
#include <vector>

#include "store/journal.hpp"
#include "store/sqlite.hpp"

namespace canary::store {

/// A command that is there already takes its answer; its fingerprint stays. Beyond
/// command_capacity the oldest goes.
base::Result<void> write_command(Database& database, const CommandRow& command);
base::Result<void> remove_command(Database& database, const std::string& key);
/// Oldest first.
base::Result<std::vector<CommandRow>> read_commands(Database& database);

}  // namespace canary::store
