#include "store/command_table.hpp"

namespace canary::store {

base::Result<void> write_command(Database& database, const CommandRow& command) {
  Statement statement(database,
                      "INSERT INTO command (key, fingerprint, status, body) VALUES (?,?,?,?)"
                      " ON CONFLICT DO UPDATE SET status=excluded.status, body=excluded.body");
  statement.bind(command.key).bind(command.fingerprint);
  statement.bind(std::int64_t{command.status}).bind(command.body);
  if (statement.step() == Statement::Step::failed) return database.error("remember a command");
  Statement prune(database, "DELETE FROM command WHERE seq <= (SELECT MAX(seq) FROM command) - ?");
  prune.bind(static_cast<std::int64_t>(command_capacity));
  if (prune.step() == Statement::Step::failed) return database.error("forget old commands");
  return {};
}

base::Result<void> remove_command(Database& database, const std::string& key) {
  Statement statement(database, "DELETE FROM command WHERE key = ?");
  statement.bind(key);
  if (statement.step() == Statement::Step::failed) return database.error("forget a command");
  return {};
}

base::Result<std::vector<CommandRow>> read_commands(Database& database) {
  std::vector<CommandRow> rows;
  Statement statement(database, "SELECT key, fingerprint, status, body FROM command ORDER BY seq");
  for (;;) {
    const auto step = statement.step();
    if (step == Statement::Step::done) return rows;
    if (step == Statement::Step::failed) return database.error("read the commands");
    rows.push_back({statement.text(0), statement.text(1), static_cast<int>(statement.integer(2)),
                    statement.text(3)});
  }
}

}  // namespace canary::store
