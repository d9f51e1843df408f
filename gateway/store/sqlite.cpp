#include "store/sqlite.hpp"

namespace canary::store {

base::Result<Database> Database::open(const std::filesystem::path& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.db_.reset(raw);
  if (code != SQLITE_OK) return database.error("open " + path.string());
  sqlite3_busy_timeout(raw, 2000);
  return database;
}

base::Result<void> Database::exec(const char* sql) {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(sql);
  return {};
}

base::Error Database::error(const std::string& what) const {
  std::string text = "cannot " + what + ": ";
  text += db_ ? sqlite3_errmsg(get()) : "out of memory";
  const int code = db_ ? sqlite3_errcode(get()) : SQLITE_NOMEM;
  corrupt_ |= code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
  return base::Error(std::move(text));
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some failures (a full disk), after others not.
  if (begun_ && sqlite3_get_autocommit(database_.get()) == 0) (void)database_.exec("ROLLBACK");
}

Statement::Statement(const Database& database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  failed_ = sqlite3_prepare_v2(database.get(), sql, -1, &raw, nullptr) != SQLITE_OK;
  statement_.reset(raw);
}

Statement& Statement::bind(std::int64_t value) {
  failed_ |= sqlite3_bind_int64(get(), ++parameter_, value) != SQLITE_OK;
  return *this;
}
Statement& Statement::bind(double value) {
  failed_ |= sqlite3_bind_double(get(), ++parameter_, value) != SQLITE_OK;
  return *this;
}
Statement& Statement::bind(std::string_view value) {
  failed_ |= sqlite3_bind_text(get(), ++parameter_, value.data(), static_cast<int>(value.size()),
                               SQLITE_TRANSIENT) != SQLITE_OK;
  return *this;
}
Statement& Statement::bind_null() {
  failed_ |= sqlite3_bind_null(get(), ++parameter_) != SQLITE_OK;
  return *this;
}

Statement::Step Statement::step() {
  if (failed_) return Step::failed;
  switch (sqlite3_step(get())) {
    case SQLITE_ROW:
      return Step::row;
    case SQLITE_DONE:
      return Step::done;
    default:
      return Step::failed;
  }
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(get(), column));
  if (bytes == nullptr) return {};
  return std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(get(), column)));
}

}  // namespace canary::store
