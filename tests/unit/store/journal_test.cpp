#include "store/journal.hpp"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <future>

#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::store;
using support::TempDir;

namespace {

rollout::State state(std::string canary = "m_v2") {
  rollout::State made;
  made.model = "m";
  made.canary = std::move(canary);
  made.flag = 2500;
  made.cap = 0;
  made.latched = true;
  made.attempt = 3;
  made.status = rollout::Status::rolled_back;
  made.reason = "error rate 4.2% > 0.5% (42 of 1000 requests in 1m) — \"quoted\"";
  made.since = base::WallTime(std::chrono::nanoseconds(1'800'000'000'123'456'789));
  return made;
}

HistoryRow row(const std::string& model, const std::string& reason) {
  HistoryRow made;
  made.model = model;
  made.canary = model + "_v2";
  made.time = base::WallTime(std::chrono::seconds(1'800'000'000));
  made.generation = 7;
  made.entry.kind = config::EntryKind::flag;
  made.entry.actor = "alice";
  made.entry.reason = reason;
  made.entry.before = 1000;
  made.entry.after = 0;
  return made;
}

Journal::Opened open(const std::filesystem::path& dir) {
  auto opened = Journal::open(dir);
  if (opened.has_error()) FAIL(opened.error().message());
  return std::move(*opened);
}

/// Runs a commit and awaits its answer.
base::Result<void> commit(Journal& journal, const rollout::State& state,
                          std::optional<HistoryRow> row = std::nullopt, bool retry = false) {
  std::promise<base::Result<void>> answer;
  journal.commit({state, std::move(row), {}}, retry,
                 [&](base::Result<void> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

std::vector<HistoryRow> history(Journal& journal, const std::string& model, std::size_t limit) {
  std::promise<base::Result<std::vector<HistoryRow>>> answer;
  journal.history(model, limit, [&](auto result) { answer.set_value(std::move(result)); });
  auto rows = answer.get_future().get();
  REQUIRE(rows.has_value());
  return *rows;
}

bool exists_with_prefix(const std::filesystem::path& dir, const std::string& prefix) {
  for (const auto& entry : std::filesystem::directory_iterator(dir))
    if (entry.path().filename().string().rfind(prefix, 0) == 0) return true;
  return false;
}

}  // namespace

TEST_CASE("a committed state is remembered whole") {
  const TempDir dir;
  rollout::State plain;
  plain.model = "n";
  plain.canary = "n_v2";
  {
    auto opened = open(dir.path());
    CHECK(opened.first_start);
    CHECK_FALSE(opened.lost);
    CHECK(opened.states.empty());
    REQUIRE(commit(*opened.journal, rollout::State{state()}).has_value());
    REQUIRE(commit(*opened.journal, plain).has_value());
  }
  auto again = open(dir.path());
  CHECK_FALSE(again.first_start);
  REQUIRE(again.states.size() == 2);
  const bool in_order = again.states[0].model == "m";
  CHECK(again.states[in_order ? 0 : 1] == state());
  CHECK(again.states[in_order ? 1 : 0] == plain);
}

TEST_CASE("a later state of the same rollout replaces the earlier one") {
  const TempDir dir;
  {
    auto opened = open(dir.path());
    REQUIRE(commit(*opened.journal, state()).has_value());
    rollout::State later = state();
    later.flag.reset();
    later.latched = false;
    REQUIRE(commit(*opened.journal, later).has_value());
    REQUIRE(commit(*opened.journal, state("m_v3")).has_value());
  }
  const auto again = open(dir.path());
  REQUIRE(again.states.size() == 2);
  for (const auto& read : again.states)
    if (read.canary == "m_v2") CHECK_FALSE(read.flag);
}

TEST_CASE("the history comes newest first, of one model or of all") {
  const TempDir dir;
  auto opened = open(dir.path());
  HistoryRow rollback = row("m", "one");
  rollback.entry.kind = config::EntryKind::rollback;
  rollback.entry.reading = analysis::Reading{
      "error_rate", analysis::Verdict::failure, 0.042, 0.001, 0.005, 1000, "error rate 4.2%"};
  REQUIRE(commit(*opened.journal, state(), rollback).has_value());
  REQUIRE(commit(*opened.journal, state(), row("n", "two")).has_value());
  REQUIRE(commit(*opened.journal, state(), row("m", "three")).has_value());

  const auto all = history(*opened.journal, "", 10);
  REQUIRE(all.size() == 3);
  CHECK(all[0].entry.reason == "three");
  CHECK(all[1].entry.reason == "two");
  CHECK(all[0].id > all[1].id);
  CHECK_FALSE(all[0].entry.reading);

  const auto of_m = history(*opened.journal, "m", 10);
  REQUIRE(of_m.size() == 2);
  const HistoryRow& oldest = of_m[1];
  CHECK(oldest.entry.kind == config::EntryKind::rollback);
  CHECK(oldest.time == rollback.time);
  CHECK(oldest.generation == 7);
  CHECK(oldest.entry.before == 1000);
  REQUIRE(oldest.entry.reading);
  CHECK(oldest.entry.reading->criterion == "error_rate");
  CHECK(oldest.entry.reading->verdict == analysis::Verdict::failure);
  CHECK(oldest.entry.reading->value == 0.042);
  CHECK(oldest.entry.reading->limit == 0.005);
  CHECK(oldest.entry.reading->samples == 1000);
  CHECK(history(*opened.journal, "", 1).size() == 1);
  CHECK(history(*opened.journal, "unknown", 5).empty());
}

TEST_CASE("other disk work runs in its turn, between the commits around it") {
  const TempDir dir;
  auto opened = open(dir.path());
  std::promise<std::string> seen;
  std::atomic<bool> committed{false};
  opened.journal->commit({state(), std::nullopt, {}}, false,
                         [&](const base::Result<void>&) { committed = true; });
  opened.journal->perform(
      [&]() -> base::Result<void> {
        if (!committed) return base::Error("too early");
        return base::Error("no room");
      },
      [&](const base::Result<void>& result) { seen.set_value(result.error().message()); });
  CHECK(seen.get_future().get() == "no room");
}

TEST_CASE("what a rehearsal's disk refuses fails, or is written when it does not any more") {
  TempDir dir;
  std::atomic<bool> full{true};
  Journal::Options options;
  options.sync = false;
  options.refuse = [&full] { return full.load(); };
  options.first_pause = options.longest_pause = std::chrono::milliseconds(1);
  auto opened = Journal::open(dir.path(), std::move(options));
  REQUIRE(opened.has_value());
  Journal& journal = *opened->journal;
  CHECK(commit(journal, state("m_v3")).has_error());
  CHECK(journal.submitted() == 1);
  std::promise<base::Result<void>> lowered;
  journal.commit({state(), row("m", "kept"), {}}, true,
                 [&](base::Result<void> result) { lowered.set_value(std::move(result)); });
  CHECK(journal.submitted() == 2);
  full = false;
  CHECK(lowered.get_future().get().has_value());
  CHECK(journal.healthy());
  opened->journal.reset();
  const auto again = open(dir.path());
  REQUIRE(again.states.size() == 1);
  CHECK(again.states[0].canary == "m_v2");
}

TEST_CASE("the history is bounded: what decided nothing goes first, and only then the oldest") {
  const TempDir dir;
  Journal::Options options;
  options.sync = false;
  options.history = 200;
  auto opened = Journal::open(dir.path(), std::move(options));
  REQUIRE(opened.has_value());
  const auto write = [&](int count, bool harmless) {
    for (int i = 0; i < count; ++i) {
      HistoryRow entry = row("m", std::to_string(i));
      entry.entry.harmless = harmless;
      opened->journal->commit({state(), entry, {}}, true, nullptr);
    }
  };
  const auto count = [&](bool harmless) {
    // What is queued is written before the read.
    std::promise<std::size_t> found;
    opened->journal->history("m", 100'000, [&](const auto& rows) {
      const auto kept = std::count_if(rows->begin(), rows->end(), [&](const auto& each) {
        return each.entry.kind ==
               (harmless ? config::EntryKind::complaint : config::EntryKind::flag);
      });
      found.set_value(static_cast<std::size_t>(kept));
    });
    return found.get_future().get();
  };
  write(100, false);
  for (int i = 0; i < 1000; ++i) {
    HistoryRow entry = row("m", "noise");
    entry.entry.kind = config::EntryKind::complaint;
    entry.entry.harmless = true;
    opened->journal->commit({state(), entry, {}}, true, nullptr);
  }
  CHECK(count(false) == 100);
  CHECK(count(true) <= 100 + 256);  // it is shortened now and then
  write(300, false);
  CHECK(count(true) == 0);
  CHECK(count(false) >= 200);
  CHECK(count(false) <= 200 + 256);
}

TEST_CASE("commits that come together are written together, each with its own answer") {
  const TempDir dir;
  auto opened = open(dir.path());
  std::vector<int> order;
  std::promise<void> done;
  constexpr int writes = 600;
  for (int i = 0; i < writes; ++i)
    opened.journal->commit({state("m_v" + std::to_string(i)), row("m", "x"), {}}, i % 2 == 0,
                           [&order, &done, i](const base::Result<void>& result) {
                             if (result) order.push_back(i);
                             if (i == writes - 1) done.set_value();
                           });
  done.get_future().get();
  CHECK(order.size() == writes);
  CHECK(std::is_sorted(order.begin(), order.end()));
  opened.journal.reset();
  CHECK(open(dir.path()).states.size() == writes);
}

TEST_CASE("commands and their answers are remembered, the oldest forgotten") {
  const TempDir dir;
  {
    auto opened = open(dir.path());
    opened.journal->remember({"a", "print", 0, ""});
    opened.journal->remember({"b", "print", 0, ""});
    opened.journal->remember({"a", "print", 200, "{\"x\":1}"});
    opened.journal->remember({"c", "print", 409, "no"});
    opened.journal->forget_command("c");
  }
  const auto again = open(dir.path());
  REQUIRE(again.commands.size() == 2);
  CHECK(again.commands[0].key == "a");
  CHECK(again.commands[0].status == 200);
  CHECK(again.commands[0].body == "{\"x\":1}");
  CHECK(again.commands[1].status == 0);
}

TEST_CASE("what is queued when the journal ends is still committed") {
  const TempDir dir;
  {
    auto opened = open(dir.path());
    for (int i = 0; i < 50; ++i)
      opened.journal->commit({state("m_v" + std::to_string(i)), row("m", "x"), {}}, false, nullptr);
  }
  CHECK(open(dir.path()).states.size() == 50);
}

TEST_CASE("a committed state survives kill -9") {
  const TempDir dir;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto opened = Journal::open(dir.path());
    if (!opened) ::_exit(1);
    std::promise<bool> done;
    opened->journal->commit({state(), row("m", "x"), {}}, false,
                            [&](const base::Result<void>& r) { done.set_value(r.has_value()); });
    if (!done.get_future().get()) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto again = open(dir.path());
  CHECK_FALSE(again.lost);
  REQUIRE(again.states.size() == 1);
  CHECK(again.states[0] == state());
}

TEST_CASE("a corrupt database is kept aside with its wal, and a new one begins") {
  struct Row {
    const char* what;
    std::size_t offset;
    std::size_t size;
  };
  const Row rows[] = {{"header", 0, 100}, {"a page", 4096, 4096}, {"every page", 0, 4096 * 4}};
  for (const Row& harm : rows) {
    const TempDir dir;
    {
      auto opened = open(dir.path());
      for (int i = 0; i < 20; ++i)
        REQUIRE(commit(*opened.journal, state("v" + std::to_string(i))).has_value());
    }
    support::damage(dir / "state.db", harm.offset, std::string(harm.size, '\x5a'));
    CAPTURE(harm.what);
    auto again = open(dir.path());
    CHECK(again.lost);
    CHECK_FALSE(again.first_start);
    CHECK(again.states.empty());
    CHECK_THAT(again.kept_aside, Catch::Contains("state.db.corrupt-"));
    CHECK(std::filesystem::exists(again.kept_aside));
    CHECK(commit(*again.journal, state()).has_value());
  }
}

TEST_CASE(
    "a database that disappeared under an accepted configuration is lost, not a first start") {
  const TempDir dir;
  support::write_file(dir / "last-accepted.yaml", "models: {}");
  CHECK(open(dir.path()).lost);
  const TempDir emptied;
  support::write_file(emptied / "last-accepted.yaml", "models: {}");
  support::write_file(emptied / "state.db", "");
  CHECK(open(emptied.path()).lost);
}

TEST_CASE("a truncated wal loses its tail, never the database") {
  const TempDir dir;
  const TempDir crashed;
  {
    auto opened = open(dir.path());
    for (int i = 0; i < 10; ++i)
      REQUIRE(commit(*opened.journal, state("v" + std::to_string(i))).has_value());
    // The files as a crash would leave them: the wal is not yet written back.
    for (const char* name : {"state.db", "state.db-wal"})
      std::filesystem::copy_file(dir / name, crashed / name);
  }
  const auto size = std::filesystem::file_size(crashed / "state.db-wal");
  REQUIRE(size > 10'000);
  std::filesystem::resize_file(crashed / "state.db-wal", size - 2000);
  auto again = open(crashed.path());
  CHECK_FALSE(again.lost);
  CHECK(again.states.size() < 10);
  CHECK(again.states.size() > 5);
}

TEST_CASE("a database of a newer release is refused, and left alone") {
  const TempDir dir;
  { (void)open(dir.path()); }
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open((dir / "state.db").c_str(), &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw, "PRAGMA user_version=99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);
  const auto opened = Journal::open(dir.path());
  REQUIRE(opened.has_error());
  CHECK_THAT(opened.error().message(), Catch::Contains("newer release"));
  CHECK_FALSE(exists_with_prefix(dir.path(), "state.db.corrupt-"));
}

TEST_CASE("on a full disk a raise fails at once, and lowerings become durable later, in order") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  {
    auto opened = open(disk->path());
    Journal& journal = *opened.journal;
    REQUIRE(commit(journal, state("before")).has_value());
    disk->fill();
    // Whatever room the wal's last page had is used up first.
    int tries = 0;
    while (commit(journal, state("filler" + std::to_string(tries))).has_value()) {
      REQUIRE(++tries < 1000);
    }
    CHECK_FALSE(journal.healthy());

    std::promise<void> first, second;
    std::vector<int> order;
    rollout::State lowered = state("m_v2");
    lowered.flag = 100;
    journal.commit({lowered, row("m", "first"), {}}, true, [&](const base::Result<void>& result) {
      if (result) order.push_back(1);
      first.set_value();
    });
    lowered.flag = 0;
    journal.commit({lowered, row("m", "second"), {}}, true, [&](const base::Result<void>& result) {
      if (result) order.push_back(2);
      second.set_value();
    });
    CHECK(commit(journal, state("raise"), row("m", "third")).has_error());

    disk->free();
    first.get_future().wait();
    second.get_future().wait();
    CHECK(order == std::vector<int>{1, 2});
    CHECK(journal.healthy());
    const auto rows = history(journal, "m", 2);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].entry.reason == "second");
    CHECK(rows[1].entry.reason == "first");
  }
  for (const auto& read : open(disk->path()).states) {
    CHECK(read.canary != "raise");
    if (read.canary == "m_v2") CHECK(read.flag == base::BasisPoints{0});
  }
}

TEST_CASE("ending with a full disk is prompt, and the waiting lowering is told") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  bool told = false;
  {
    auto opened = open(disk->path());
    disk->fill();
    int tries = 0;
    while (commit(*opened.journal, state("filler" + std::to_string(tries))).has_value()) {
      REQUIRE(++tries < 1000);
    }
    opened.journal->commit({state(), std::nullopt, {}}, true,
                           [&](const base::Result<void>& result) { told = result.has_error(); });
  }
  CHECK(told);
}

TEST_CASE("without room for a database opening it is an error, and nothing is moved aside") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  disk->fill();
  CHECK(Journal::open(disk->path()).has_error());
  CHECK_FALSE(exists_with_prefix(disk->path(), "state.db.corrupt-"));
}
