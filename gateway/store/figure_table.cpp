#include "store/figure_table.hpp"

#include <algorithm>

namespace canary::store {
namespace {

std::int64_t nanoseconds(base::WallTime time) {
  return std::chrono::duration_cast<base::Duration>(time.time_since_epoch()).count();
}

std::uint64_t count(const Statement& statement, int column) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(statement.integer(column), 0));
}

base::Result<void> write_row(Database& database, const FigureRow& row) {
  Statement statement(database,
                      "INSERT OR REPLACE INTO figures (model, canary, attempt, phase, version,"
                      " requests, errors, outcomes, latency, served_ns, first_ns, last_ns)"
                      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
  statement.bind(row.model).bind(row.canary);
  statement.bind(std::int64_t{row.attempt}).bind(std::int64_t{row.phase}).bind(row.version);
  statement.bind(static_cast<std::int64_t>(row.requests));
  statement.bind(static_cast<std::int64_t>(row.errors));
  statement.bind(row.outcomes).bind(row.latency).bind(std::int64_t{row.served.count()});
  statement.bind(nanoseconds(row.first)).bind(nanoseconds(row.last));
  if (statement.step() == Statement::Step::failed) return database.error("write the figures");
  return {};
}

base::Result<void> prune(Database& database) {
  Statement statement(database,
                      "DELETE FROM figures WHERE last_ns <="
                      " (SELECT last_ns FROM figures ORDER BY last_ns DESC LIMIT 1 OFFSET ?)");
  statement.bind(static_cast<std::int64_t>(figure_capacity));
  if (statement.step() == Statement::Step::failed) return database.error("shorten the figures");
  return {};
}

}  // namespace

base::Result<std::vector<FigureRow>> read_figures(Database& database) {
  std::vector<FigureRow> rows;
  Statement statement(database,
                      "SELECT model, canary, attempt, phase, version, requests, errors, outcomes,"
                      " latency, served_ns, first_ns, last_ns FROM figures");
  for (;;) {
    const auto step = statement.step();
    if (step == Statement::Step::done) return rows;
    if (step == Statement::Step::failed) return database.error("read the figures");
    FigureRow& row = rows.emplace_back();
    row.model = statement.text(0);
    row.canary = statement.text(1);
    row.attempt = static_cast<std::uint32_t>(count(statement, 2));
    row.phase = static_cast<std::uint32_t>(count(statement, 3));
    row.version = statement.text(4);
    row.requests = count(statement, 5);
    row.errors = count(statement, 6);
    row.outcomes = statement.text(7);
    row.latency = statement.text(8);
    row.served = base::Duration(static_cast<std::int64_t>(count(statement, 9)));
    row.first = base::WallTime(base::Duration(statement.integer(10)));
    row.last = base::WallTime(base::Duration(statement.integer(11)));
  }
}

base::Result<void> write_figures(Database& database, const std::vector<FigureRow>& rows) {
  const Transaction transaction(database);
  if (!transaction.begun()) return database.error("write the figures");
  for (const FigureRow& row : rows)
    if (auto written = write_row(database, row); !written) return written;
  if (auto shortened = prune(database); !shortened) return shortened;
  return transaction.commit() ? base::Result<void>() : database.error("write the figures");
}

}  // namespace canary::store
