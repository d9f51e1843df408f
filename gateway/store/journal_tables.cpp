#include "store/journal_tables.hpp"

#include <algorithm>
#include <array>

namespace canary::store {
namespace {

using rollout::State;

// Each script takes the database from version i to i + 1. A released script is never edited.
constexpr std::array migrations{
    R"(CREATE TABLE rollout (
         model TEXT NOT NULL, canary TEXT NOT NULL,
         flag INTEGER, cap INTEGER NOT NULL, latched INTEGER NOT NULL, attempt INTEGER NOT NULL,
         status TEXT NOT NULL, reason TEXT NOT NULL, since_ns INTEGER NOT NULL,
         PRIMARY KEY (model, canary)) WITHOUT ROWID;
       CREATE TABLE history (
         id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL,
         model TEXT NOT NULL, canary TEXT NOT NULL, generation INTEGER NOT NULL,
         kind TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
         weight_before INTEGER NOT NULL, weight_after INTEGER NOT NULL,
         criterion TEXT, verdict INTEGER, value REAL, success_limit REAL, trigger_limit REAL,
         samples INTEGER, explanation TEXT);
       CREATE INDEX history_of_model ON history (model, id);)",
    R"(ALTER TABLE rollout ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN phase_limit INTEGER NOT NULL DEFAULT 10000;
       ALTER TABLE rollout ADD COLUMN judged_ns INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN spent_ns INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN promoted INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE history ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;)",
    R"(ALTER TABLE rollout ADD COLUMN rollbacks INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN trigger_name TEXT NOT NULL DEFAULT '';
       ALTER TABLE rollout ADD COLUMN error_rate_then REAL NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN rung_spent_ns INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN rung_waits INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN proof TEXT NOT NULL DEFAULT 'none';
       ALTER TABLE rollout ADD COLUMN watched_ns INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN watch_failing INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN stable_for_ns INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE rollout ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0;
       CREATE TABLE outbox (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, receiver TEXT NOT NULL,
         body TEXT NOT NULL, created_ns INTEGER NOT NULL, UNIQUE (id, receiver));)",
    R"(ALTER TABLE history ADD COLUMN harmless INTEGER NOT NULL DEFAULT 0;
       UPDATE history SET harmless=1 WHERE kind IN ('complaint', 'refused', 'pause');
       CREATE INDEX history_harmless ON history (id) WHERE harmless=1;
       ALTER TABLE outbox ADD COLUMN harmless INTEGER NOT NULL DEFAULT 0;
       CREATE TABLE command (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
         fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);)",
    R"(CREATE TABLE figures (
         model TEXT NOT NULL, canary TEXT NOT NULL, attempt INTEGER NOT NULL,
         phase INTEGER NOT NULL, version TEXT NOT NULL,
         requests INTEGER NOT NULL, errors INTEGER NOT NULL, outcomes TEXT NOT NULL,
         latency TEXT NOT NULL, served_ns INTEGER NOT NULL, first_ns INTEGER NOT NULL,
         last_ns INTEGER NOT NULL,
         PRIMARY KEY (model, canary, attempt, phase, version)) WITHOUT ROWID;)",
    R"(CREATE TABLE latch_file (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         instance TEXT NOT NULL, complete INTEGER NOT NULL);
       INSERT INTO latch_file VALUES (1, '', 0);)",
    R"(ALTER TABLE latch_file ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;)",
};

std::int64_t nanoseconds(base::WallTime time) {
  return std::chrono::duration_cast<base::Duration>(time.time_since_epoch()).count();
}
base::WallTime wall_time(std::int64_t ns) { return base::WallTime(base::Duration(ns)); }

/// A number outside its range is damage that no checksum caught: the safe side is 0.
base::BasisPoints weight_from(std::int64_t value) {
  return value >= 0 && value <= base::full_weight ? static_cast<base::BasisPoints>(value)
                                                  : base::BasisPoints{0};
}

base::Result<void> write_state(Database& database, const State& state) {
  Statement statement(database,
                      "INSERT INTO rollout (model, canary, flag, cap, latched, attempt, status,"
                      " reason, since_ns, phase, phase_limit, judged_ns, spent_ns, paused,"
                      " promoted, rollbacks, trigger_name, error_rate_then, rung_spent_ns,"
                      " rung_waits, proof, watched_ns, watch_failing, stable_for_ns, reminded)"
                      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
                      " ON CONFLICT DO UPDATE SET "
                      "flag=excluded.flag, cap=excluded.cap, latched=excluded.latched, "
                      "attempt=excluded.attempt, status=excluded.status, reason=excluded.reason, "
                      "since_ns=excluded.since_ns, phase=excluded.phase, "
                      "phase_limit=excluded.phase_limit, judged_ns=excluded.judged_ns, "
                      "spent_ns=excluded.spent_ns, paused=excluded.paused, "
                      "promoted=excluded.promoted, rollbacks=excluded.rollbacks, "
                      "trigger_name=excluded.trigger_name, "
                      "error_rate_then=excluded.error_rate_then, "
                      "rung_spent_ns=excluded.rung_spent_ns, rung_waits=excluded.rung_waits, "
                      "proof=excluded.proof, watched_ns=excluded.watched_ns, "
                      "watch_failing=excluded.watch_failing, "
                      "stable_for_ns=excluded.stable_for_ns, reminded=excluded.reminded");
  statement.bind(state.model).bind(state.canary);
  state.flag ? statement.bind(std::int64_t{*state.flag}) : statement.bind_null();
  statement.bind(std::int64_t{state.cap}).bind(std::int64_t{state.latched});
  statement.bind(std::int64_t{state.attempt}).bind(rollout::name(state.status));
  statement.bind(state.reason).bind(nanoseconds(state.since));
  statement.bind(std::int64_t{state.phase}).bind(std::int64_t{state.phase_limit});
  statement.bind(std::int64_t{state.judged.count()}).bind(std::int64_t{state.spent.count()});
  statement.bind(std::int64_t{state.paused}).bind(std::int64_t{state.promoted});
  statement.bind(std::int64_t{state.rollbacks}).bind(state.trigger).bind(state.error_rate_then);
  statement.bind(std::int64_t{state.rung_spent.count()}).bind(std::int64_t{state.rung_waits});
  statement.bind(rollout::name(state.proof)).bind(std::int64_t{state.watched.count()});
  statement.bind(std::int64_t{state.watch_failing}).bind(std::int64_t{state.stable_for.count()});
  statement.bind(std::int64_t{state.reminded});
  if (statement.step() == Statement::Step::failed) return database.error("write a rollout's state");
  return {};
}

base::Result<void> write_row(Database& database, const HistoryRow& row) {
  Statement statement(
      database,
      "INSERT INTO history (time_ns, model, canary, generation, kind, actor, reason,"
      " weight_before, weight_after, phase, harmless, criterion, verdict, value, success_limit,"
      " trigger_limit, samples, explanation)"
      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  const rollout::Entry& entry = row.entry;
  statement.bind(nanoseconds(row.time)).bind(row.model).bind(row.canary);
  statement.bind(static_cast<std::int64_t>(row.generation));
  statement.bind(name(entry.kind)).bind(entry.actor).bind(entry.reason);
  statement.bind(std::int64_t{entry.before}).bind(std::int64_t{entry.after});
  statement.bind(std::int64_t{entry.phase}).bind(std::int64_t{entry.harmless});
  if (entry.reading) {
    const analysis::Reading& reading = *entry.reading;
    statement.bind(reading.criterion).bind(static_cast<std::int64_t>(reading.verdict));
    statement.bind(reading.value).bind(reading.success_limit).bind(reading.limit);
    statement.bind(static_cast<std::int64_t>(reading.samples)).bind(reading.reason);
  }  // parameters that are not bound are NULL
  if (statement.step() == Statement::Step::failed) return database.error("write the history");
  return {};
}

/// How many rows the table has beyond `capacity`.
base::Result<std::int64_t> surplus(Database& database, const char* count, std::size_t capacity) {
  Statement statement(database, count);
  if (statement.step() != Statement::Step::row) return database.error("count the rows");
  return std::max<std::int64_t>(statement.integer(0) - static_cast<std::int64_t>(capacity), 0);
}

/// Removes up to `rows`; how many there were.
base::Result<std::int64_t> remove_oldest(Database& database, const char* sql, std::int64_t rows) {
  Statement statement(database, sql);
  statement.bind(rows);
  if (statement.step() == Statement::Step::failed) return database.error("remove the oldest rows");
  return std::int64_t{sqlite3_changes(database.get())};
}

base::Result<void> write_messages(Database& database, const std::vector<OutboxRow>& messages) {
  for (const OutboxRow& message : messages) {
    Statement statement(database,
                        "INSERT OR IGNORE INTO outbox (id, receiver, body, created_ns, harmless)"
                        " VALUES (?,?,?,?,?)");
    statement.bind(message.id).bind(message.receiver).bind(message.body);
    statement.bind(nanoseconds(message.created)).bind(std::int64_t{message.harmless});
    if (statement.step() == Statement::Step::failed) return database.error("write a message");
  }
  if (messages.empty()) return {};
  const auto surplus_rows = surplus(database, "SELECT COUNT(*) FROM outbox", outbox_capacity);
  if (!surplus_rows) return surplus_rows.error();
  if (*surplus_rows == 0) return {};
  const auto removed =
      remove_oldest(database,
                    "DELETE FROM outbox WHERE seq IN"
                    " (SELECT seq FROM outbox ORDER BY harmless DESC, seq LIMIT ?)",
                    *surplus_rows);
  return removed ? base::Result<void>() : removed.error();
}

HistoryRow row_from(const Statement& statement) {
  HistoryRow row;
  row.id = statement.integer(0);
  row.time = wall_time(statement.integer(1));
  row.model = statement.text(2);
  row.canary = statement.text(3);
  row.generation = static_cast<std::uint64_t>(statement.integer(4));
  row.entry.kind = config::parse_entry_kind(statement.text(5));
  row.entry.actor = statement.text(6);
  row.entry.reason = statement.text(7);
  row.entry.before = weight_from(statement.integer(8));
  row.entry.after = weight_from(statement.integer(9));
  row.entry.phase = static_cast<std::uint32_t>(std::max<std::int64_t>(statement.integer(17), 0));
  if (statement.null(10)) return row;
  analysis::Reading& reading = row.entry.reading.emplace();
  reading.criterion = statement.text(10);
  const auto verdict = std::clamp<std::int64_t>(statement.integer(11), 0,
                                                static_cast<int>(analysis::Verdict::error));
  reading.verdict = static_cast<analysis::Verdict>(verdict);
  reading.value = statement.real(12);
  reading.success_limit = statement.real(13);
  reading.limit = statement.real(14);
  reading.samples = static_cast<std::uint64_t>(statement.integer(15));
  reading.reason = statement.text(16);
  return row;
}

State state_from(const Statement& statement) {
  const auto at_least_0 = [&](int column) {
    return std::max<std::int64_t>(statement.integer(column), 0);
  };
  const auto count = [&](int column) {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(at_least_0(column), UINT32_MAX));
  };
  const auto duration = [&](int column) { return base::Duration(at_least_0(column)); };
  State state;
  state.model = statement.text(0);
  state.canary = statement.text(1);
  if (!statement.null(2)) state.flag = weight_from(statement.integer(2));
  state.cap = weight_from(statement.integer(3));
  state.latched = statement.integer(4) != 0;
  state.attempt = count(5);
  state.status =
      rollout::parse_status(statement.text(6))
          .value_or(state.latched ? rollout::Status::rolled_back : rollout::Status::held);
  state.reason = statement.text(7);
  state.since = wall_time(statement.integer(8));
  state.phase = count(9);
  state.phase_limit = weight_from(statement.integer(10));
  state.judged = duration(11);
  state.spent = duration(12);
  state.paused = statement.integer(13) != 0;
  state.promoted = statement.integer(14) != 0;
  state.rollbacks = count(15);
  state.trigger = statement.text(16);
  state.error_rate_then = statement.real(17);
  state.rung_spent = duration(18);
  state.rung_waits = statement.integer(19) != 0;
  state.proof =
      rollout::parse_proof_step(statement.text(20)).value_or(rollout::ProofStep::publishing);
  state.watched = duration(21);
  state.watch_failing = statement.integer(22) != 0;
  state.stable_for = duration(23);
  state.reminded = count(24);
  return state;
}

}  // namespace

base::Result<std::int64_t> table_version(Database& database) {
  Statement statement(database, "PRAGMA user_version");
  if (statement.step() != Statement::Step::row) return database.error("read the state's version");
  return statement.integer(0);
}

base::Result<void> migrate(Database& database, bool lost) {
  const auto version = table_version(database);
  if (!version) return version.error();
  const auto newest = static_cast<std::int64_t>(migrations.size());
  if (*version > newest)
    return base::Error("the state database was written by a newer release (version " +
                       std::to_string(*version) + ", this one knows " + std::to_string(newest) +
                       "): start that release; or move state.db* away, then every canary begins "
                       "latched");
  if (*version == newest) return {};
  std::string script = "BEGIN IMMEDIATE;";
  for (auto step = std::max<std::int64_t>(*version, 0); step < newest; ++step)
    script += migrations[static_cast<std::size_t>(step)];
  if (lost) script += "UPDATE latch_file SET lost = 1;";
  script += "PRAGMA user_version=" + std::to_string(newest) + ";COMMIT;";
  if (auto done = database.exec(script.c_str()); !done) {
    const auto error = database.error("prepare the state database");
    if (sqlite3_get_autocommit(database.get()) == 0) (void)database.exec("ROLLBACK");
    return error;
  }
  return {};
}

base::Result<std::vector<State>> read_states(Database& database) {
  std::vector<State> states;
  Statement statement(database,
                      "SELECT model, canary, flag, cap, latched, attempt, status, reason, since_ns,"
                      " phase, phase_limit, judged_ns, spent_ns, paused, promoted, rollbacks,"
                      " trigger_name, error_rate_then, rung_spent_ns, rung_waits, proof,"
                      " watched_ns, watch_failing, stable_for_ns, reminded FROM rollout");
  for (;;) {
    const auto step = statement.step();
    if (step == Statement::Step::done) return states;
    if (step == Statement::Step::failed) return database.error("read the rollouts' states");
    states.push_back(state_from(statement));
  }
}

base::Result<bool> states_are_missing(Database& database) {
  Statement statement(database,
                      "SELECT EXISTS (SELECT 1 FROM history WHERE canary <> '' AND"
                      " canary NOT IN (SELECT canary FROM rollout))");
  if (statement.step() != Statement::Step::row)
    return database.error("compare the history with the rollouts");
  return statement.integer(0) != 0;
}

base::Result<void> write_record(Database& database, const Journal::Record& record) {
  base::Result<void> written = write_state(database, record.state);
  for (const auto& former : record.former) {
    if (!written) break;
    Statement gone(database, "DELETE FROM rollout WHERE model = ? AND canary = ?");
    gone.bind(former).bind(record.state.canary);
    if (gone.step() == Statement::Step::failed)
      written = database.error("remove a rollout's former name");
  }
  if (written && record.row) written = write_row(database, *record.row);
  if (written) written = write_messages(database, record.messages);
  return written;
}

base::Result<void> write(Database& database, const Journal::Record& record) {
  const Transaction transaction(database);
  if (!transaction.begun()) return database.error("begin a transaction");
  const auto written = write_record(database, record);
  return written ? transaction.commit() : written;
}

base::Result<void> shorten_history(Database& database, std::size_t capacity) {
  const auto rows = surplus(database, "SELECT COUNT(*) FROM history", capacity);
  if (!rows) return rows.error();
  if (*rows == 0) return {};
  const auto removed =
      remove_oldest(database,
                    "DELETE FROM history WHERE id IN"
                    " (SELECT id FROM history WHERE harmless=1 ORDER BY id LIMIT ?)",
                    *rows);
  if (!removed) return removed.error();
  if (*removed == *rows) return {};
  const auto more = remove_oldest(
      database, "DELETE FROM history WHERE id IN (SELECT id FROM history ORDER BY id LIMIT ?)",
      *rows - *removed);
  return more ? base::Result<void>() : more.error();
}

base::Result<std::vector<OutboxRow>> read_outbox(Database& database) {
  std::vector<OutboxRow> rows;
  Statement statement(database,
                      "SELECT id, receiver, body, created_ns, harmless FROM outbox ORDER BY seq");
  for (;;) {
    const auto step = statement.step();
    if (step == Statement::Step::done) return rows;
    if (step == Statement::Step::failed) return database.error("read the outbox");
    rows.push_back({statement.text(0), statement.text(1), statement.text(2),
                    wall_time(statement.integer(3)), statement.integer(4) != 0});
  }
}

base::Result<void> remove_message(Database& database, const std::string& id,
                                  const std::string& receiver) {
  Statement statement(database, "DELETE FROM outbox WHERE id = ? AND receiver = ?");
  statement.bind(id).bind(receiver);
  if (statement.step() == Statement::Step::failed) return database.error("forget a message");
  return {};
}

base::Result<std::vector<HistoryRow>> read_history(Database& database, const std::string& model,
                                                   std::size_t limit) {
  std::vector<HistoryRow> rows;
  Statement statement(
      database, model.empty()
                    ? "SELECT id, time_ns, model, canary, generation, kind, actor, reason,"
                      " weight_before, weight_after, criterion, verdict, value, success_limit,"
                      " trigger_limit, samples, explanation, phase FROM history"
                      " ORDER BY id DESC LIMIT ?1"
                    : "SELECT id, time_ns, model, canary, generation, kind, actor, reason,"
                      " weight_before, weight_after, criterion, verdict, value, success_limit,"
                      " trigger_limit, samples, explanation, phase FROM history WHERE model = ?2"
                      " ORDER BY id DESC LIMIT ?1");
  statement.bind(static_cast<std::int64_t>(std::min<std::size_t>(limit, history_capacity)));
  if (!model.empty()) statement.bind(model);
  for (;;) {
    const auto step = statement.step();
    if (step == Statement::Step::done) return rows;
    if (step == Statement::Step::failed) return database.error("read the history");
    rows.push_back(row_from(statement));
  }
}

}  // namespace canary::store
