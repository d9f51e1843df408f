#include "store/journal_open.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "store/command_table.hpp"
#include "store/files.hpp"
#include "store/journal_tables.hpp"

namespace canary::store {
namespace {

enum class Finding { sound, never_written, corrupt, unusable };

/// Reads the whole database once. `error` is set when it is unusable: no verdict on its content was
/// possible (a full disk, no permission), so nothing may be moved aside.
Finding examine(Database& database, base::Error& error) {
  const auto failed = [&](base::Error why) {
    const bool corrupt = database.corrupt();
    error = std::move(why);
    return corrupt ? Finding::corrupt : Finding::unusable;
  };
  for (const char* pragma :
       {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA journal_size_limit=4194304"})
    if (auto done = database.exec(pragma); !done) return failed(done.error());

  Statement check(database, "PRAGMA integrity_check(1)");
  if (check.step() != Statement::Step::row)
    return failed(database.error("check the state database"));
  if (check.text(0) != "ok") return Finding::corrupt;
  const auto version = table_version(database);
  if (!version) return failed(version.error());
  if (*version != 0) return Finding::sound;
  Statement tables(database, "SELECT EXISTS (SELECT 1 FROM sqlite_schema)");
  if (tables.step() != Statement::Step::row) return failed(database.error("read the schema"));
  return tables.integer(0) == 0 ? Finding::never_written : Finding::corrupt;
}

base::Result<void> move_aside(const std::filesystem::path& path,
                              const std::filesystem::path& kept) {
  if (std::rename(path.c_str(), kept.c_str()) != 0) return file_error("move aside", path, errno);
  // With the same ending, so that SQLite's own tools can still read all of it.
  for (const char* ending : {"-wal", "-shm"}) {
    const std::string from = path.string() + ending;
    if (std::rename(from.c_str(), (kept.string() + ending).c_str()) != 0 && errno != ENOENT)
      return file_error("move aside", from, errno);
  }
  return {};
}

/// SQLite gives its -wal and -shm files the mode of the database, which it would create by the
/// umask.
base::Result<void> create_private(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return file_error("open", path, errno);
  return {};
}

/// Reads what the gateway needs of a database; an error also where its tables are not ours.
base::Result<void> read_all(Database& database, OpenedDatabase& opened) {
  if (auto migrated = migrate(database, opened.lost); !migrated) return migrated;
  auto states = read_states(database);
  if (!states) return states.error();
  auto outbox = read_outbox(database);
  if (!outbox) return outbox.error();
  auto commands = read_commands(database);
  if (!commands) return commands.error();
  auto figures = read_figures(database);
  if (!figures) return figures.error();
  auto latch = read_latch_record(database);
  if (!latch) return latch.error();
  const auto missing = states_are_missing(database);
  if (!missing) return missing.error();
  if (*missing) {
    database.condemn();
    return base::Error("the state database tells of canaries whose state is not there");
  }
  opened.states = std::move(*states);
  opened.outbox = std::move(*outbox);
  opened.commands = std::move(*commands);
  opened.figures = std::move(*figures);
  opened.latch = std::move(*latch);
  return {};
}

/// Whether something stands there that cannot be a database: a directory, a link to nowhere.
bool is_no_file(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto link = std::filesystem::symlink_status(path, ignored);
  return std::filesystem::exists(link) && !std::filesystem::is_regular_file(path, ignored);
}

}  // namespace

base::Result<OpenedDatabase> open_database(const std::filesystem::path& state_dir, bool existed) {
  const auto path = state_dir / "state.db";
  OpenedDatabase opened;
  // The second round is for the new database, after a corrupt one was moved aside.
  for (int round = 0; round < 2; ++round) {
    Finding finding = Finding::corrupt;
    base::Error error;
    Database database;
    if (!is_no_file(path)) {
      if (auto created = create_private(path); !created) return created.error();
      auto made = Database::open(path);
      if (!made) return made.error();
      database = std::move(*made);
      finding = examine(database, error);
    }
    if (finding == Finding::unusable) return error;
    if (finding == Finding::never_written) {
      // A configuration was once accepted here, so there was a database: it was removed or emptied.
      std::error_code ignored;
      if (existed || std::filesystem::exists(state_dir / "last-accepted.yaml", ignored))
        opened.lost = true;
      opened.first_start = !opened.lost;
    }
    if (finding != Finding::corrupt) {
      if (auto read = read_all(database, opened); !read) {
        if (!database.corrupt()) return read.error();
        finding = Finding::corrupt;
      }
    }
    if (finding == Finding::corrupt) {
      database.close();
      const auto kept = corrupt_name(path);
      if (auto moved = move_aside(path, kept); !moved) return moved.error();
      opened.kept_aside = kept.string();
      opened.lost = true;
      continue;
    }
    opened.database = std::move(database);
    if (auto synced = sync_directory(state_dir); !synced) return synced.error();
    return opened;
  }
  return base::Error("the new state database " + path.string() + " is damaged at once");
}

}  // namespace canary::store
