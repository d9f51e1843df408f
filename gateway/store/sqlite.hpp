// A thin hold on SQLite: a database and a statement that close themselves, errors as values. One
// thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::store {

class Database {
 public:
  Database() = default;
  /// Opens or creates; SQLite itself reads the file only at the first statement.
  static base::Result<Database> open(const std::filesystem::path& path);

  base::Result<void> exec(const char* sql);
  /// "cannot <what>: <SQLite's words>", of the last call that failed.
  base::Error error(const std::string& what) const;
  /// An error said that the file's content is damaged or its tables are not ours (not that the disk
  /// is full or busy).
  bool corrupt() const { return corrupt_; }
  /// The content itself says so.
  void condemn() { corrupt_ = true; }
  sqlite3* get() const { return db_.get(); }
  void close() { db_.reset(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
  mutable bool corrupt_ = false;
};

/// Ends what was begun: what is not committed is taken back.
class Transaction {
 public:
  explicit Transaction(Database& database)
      : database_(database), begun_(database.exec("BEGIN IMMEDIATE").has_value()) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  bool begun() const { return begun_; }
  base::Result<void> commit() const { return database_.exec("COMMIT"); }

 private:
  Database& database_;
  bool begun_;
};

class Statement {
 public:
  Statement(const Database& database, const char* sql);
  /// The next parameter, from the first on.
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind_null();

  enum class Step { row, done, failed };
  Step step();

  std::int64_t integer(int column) const { return sqlite3_column_int64(get(), column); }
  double real(int column) const { return sqlite3_column_double(get(), column); }
  bool null(int column) const { return sqlite3_column_type(get(), column) == SQLITE_NULL; }
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3_stmt* get() const { return statement_.get(); }
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int parameter_ = 0;
  bool failed_ = false;
};

}  // namespace canary::store
