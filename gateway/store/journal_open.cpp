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
  return *version == 0 ? Finding::never_written : Finding::sound;
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

}  // namespace

base::Result<OpenedDatabase> open_database(const std::filesystem::path& state_dir) {
  const auto path = state_dir / "state.db";
  OpenedDatabase opened;
  // The second round is for the new database, after a corrupt one was moved aside.
  for (int round = 0; round < 2; ++round) {
    if (auto created = create_private(path); !created) return created.error();
    auto database = Database::open(path);
    if (!database) return database.error();
    base::Error error;
    switch (examine(*database, error)) {
      case Finding::unusable:
        return error;
      case Finding::corrupt: {
        database->close();
        const auto kept = corrupt_name(path);
        if (auto moved = move_aside(path, kept); !moved) return moved.error();
        opened.kept_aside = kept.string();
        opened.lost = true;
        continue;
      }
      case Finding::never_written: {
        // A configuration was once accepted here, so there was a database: it was removed or
        // emptied.
        std::error_code ignored;
        if (std::filesystem::exists(state_dir / "last-accepted.yaml", ignored)) opened.lost = true;
        opened.first_start = !opened.lost;
        break;
      }
      case Finding::sound:
        break;
    }
    if (auto migrated = migrate(*database); !migrated) return migrated.error();
    auto states = read_states(*database);
    if (!states) return states.error();
    opened.states = std::move(*states);
    auto outbox = read_outbox(*database);
    if (!outbox) return outbox.error();
    opened.outbox = std::move(*outbox);
    auto commands = read_commands(*database);
    if (!commands) return commands.error();
    opened.commands = std::move(*commands);
    auto figures = read_figures(*database);
    if (!figures) return figures.error();
    opened.figures = std::move(*figures);
    opened.database = std::move(*database);
    if (auto synced = sync_directory(state_dir); !synced) return synced.error();
    return opened;
  }
  return base::Error("the new state database " + path.string() + " is damaged at once");
}

}  // namespace canary::store
