// The one row that the database has about the latch file beside it, and about itself. On the thread
// that has the database at the moment.
#pragma once

#include <string>

#include "base/error.hpp"
#include "store/sqlite.hpp"

namespace canary::store {

struct LatchRecord {
  std::string instance;   // LatchFile::instance(); empty: not yet known
  bool complete = false;  // the last gateway ended with nothing that the latch file alone knows
  bool lost = false;  // this database replaces one that was lost: what that means is not yet done
};
base::Result<LatchRecord> read_latch_record(Database& database);
base::Result<void> write_instance(Database& database, const std::string& instance);
base::Result<void> write_complete(Database& database, bool complete);
base::Result<void> write_loss_settled(Database& database);

}  // namespace canary::store
