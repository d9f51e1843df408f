#include "store/latch_record.hpp"

namespace canary::store {

base::Result<LatchRecord> read_latch_record(Database& database) {
  Statement statement(database, "SELECT instance, complete, lost FROM latch_file");
  if (statement.step() != Statement::Step::row)
    return database.error("read what is known of the latch file");
  return LatchRecord{statement.text(0), statement.integer(1) != 0, statement.integer(2) != 0};
}

base::Result<void> write_instance(Database& database, const std::string& instance) {
  Statement statement(database, "UPDATE latch_file SET instance = ?");
  statement.bind(instance);
  if (statement.step() == Statement::Step::failed) return database.error("name the latch file");
  return {};
}

base::Result<void> write_complete(Database& database, bool complete) {
  Statement statement(database, "UPDATE latch_file SET complete = ?");
  statement.bind(std::int64_t{complete});
  if (statement.step() == Statement::Step::failed)
    return database.error("mark the database as complete");
  return {};
}

base::Result<void> write_loss_settled(Database& database) {
  Statement statement(database, "UPDATE latch_file SET lost = 0");
  if (statement.step() == Statement::Step::failed)
    return database.error("note that what was lost is latched");
  return {};
}

}  // namespace canary::store
