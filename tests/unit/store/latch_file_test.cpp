#include "store/latch_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "support/small_disk.hpp"
#include "support/source_dir.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::store;
using support::TempDir;

namespace {

constexpr std::size_t first_slot = 256, name_offset = 2, terms_offset = 228;
constexpr std::size_t notes_begin = latch_format::notes_begin;

LatchFile open(const std::filesystem::path& dir) {
  auto opened = LatchFile::open(dir);
  REQUIRE(opened.has_value());
  return std::move(*opened);
}

LatchSlot slot(std::optional<base::BasisPoints> flag, base::BasisPoints cap, base::BasisPoints file,
               bool latched, std::uint32_t attempt) {
  LatchSlot made;
  made.flag = flag;
  made.cap = cap;
  made.file = file;
  made.latched = latched;
  made.attempt = attempt;
  return made;
}

std::size_t count_corrupt(const std::filesystem::path& dir) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir))
    if (entry.path().filename().string().rfind("latch.corrupt-", 0) == 0) ++count;
  return count;
}

}  // namespace

TEST_CASE("every slot value reads back after closing and opening again") {
  const TempDir dir;
  const LatchSlot values[] = {slot(std::nullopt, 10000, 10000, false, 1), slot(0, 0, 0, true, 7),
                              slot(10000, 1, 9999, false, 4294967295u),
                              slot(1234, 10000, 0, true, 2)};
  {
    LatchFile file = open(dir.path());
    CHECK_FALSE(file.lost());
    CHECK_FALSE(file.read("m", "v0"));
    for (std::size_t i = 0; i < 4; ++i)
      REQUIRE(file.write("m", "v" + std::to_string(i), values[i]).has_value());
    CHECK(file.size() == 4);
  }
  const LatchFile again = open(dir.path());
  CHECK_FALSE(again.lost());
  CHECK(again.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(again.read("m", "v" + std::to_string(i)) == values[i]);
  CHECK_FALSE(again.read("other", "v0"));
}

TEST_CASE("random values survive the way through the word") {
  const TempDir dir;
  LatchFile file = open(dir.path());
  base::Random random(11);
  for (int i = 0; i < 2000; ++i) {
    const auto percentage = [&] { return static_cast<base::BasisPoints>(random.below(10001)); };
    LatchSlot value = slot(std::nullopt, percentage(), percentage(), random.below(2) == 0,
                           static_cast<std::uint32_t>(random.next()));
    if (random.below(2) == 0) value.flag = percentage();
    REQUIRE(file.write("m", "v", value).has_value());
    REQUIRE(file.read("m", "v") == value);
  }
  CHECK(file.size() == 1);
}

TEST_CASE("a store is seen after kill -9, without any sync") {
  const TempDir dir;
  { (void)open(dir.path()); }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto file = LatchFile::open(dir.path());
    if (!file) ::_exit(1);
    if (!file->write("m", "m_v2", slot(std::nullopt, 0, 1000, true, 3))) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(open(dir.path()).read("m", "m_v2") == slot(std::nullopt, 0, 1000, true, 3));
}

TEST_CASE("any damaged bit of a slot's terms reads as everything 0 and latched, and is told") {
  const TempDir dir;
  {
    LatchFile file = open(dir.path());
    REQUIRE(file.write("m", "v", slot(5000, 10000, 10000, false, 1)).has_value());
  }
  const std::string content = support::read_file(dir / "latch");
  for (std::size_t bit = 0; bit < 28 * 8; ++bit) {
    CAPTURE(bit);
    std::string harmed = content;
    const std::size_t at = first_slot + terms_offset + bit / 8;
    harmed[at] = static_cast<char>(harmed[at] ^ (1 << (bit % 8)));
    const auto decoded = latch_format::decode_file(harmed);
    CHECK_FALSE(decoded.damage.empty());
    CHECK_FALSE(decoded.lost);  // its name still says whose it is
    REQUIRE(decoded.entries.size() == 1);
    const LatchSlot& read = decoded.entries.front().slot;
    CHECK(read.latched);
    CHECK_FALSE(read.flag);  // resume opens it; nobody set a flag
    CHECK(read.cap == 0);
    CHECK(read.file == 0);
    CHECK(read.attempt == 0);
  }
}

TEST_CASE("what is damaged is told and kept aside, and what is sound beside it stays") {
  struct Row {
    const char* what;
    void (*harm)(const std::filesystem::path&);
    bool lost;         // something that stood there is gone
    std::size_t left;  // slots
  };
  const Row rows[] = {
      {"magic", [](const auto& path) { support::damage(path, 0, "X"); }, false, 2},
      {"slot count", [](const auto& path) { support::damage(path, 8, "\x01"); }, false, 2},
      {"a name", [](const auto& path) { support::damage(path, first_slot + name_offset, "X"); },
       true, 1},
      {"a name's length", [](const auto& path) { support::damage(path, first_slot, "\xff\xff"); },
       true, 1},
      {"a slot of zeros",
       [](const auto& path) { support::damage(path, first_slot, std::string(256, '\0')); }, true,
       1},
      {"a free slot of zeros",
       [](const auto& path) { support::damage(path, first_slot + 512, std::string(256, '\0')); },
       true, 2},
      {"a note", [](const auto& path) { support::damage(path, notes_begin + 5, "X"); }, false, 2},
      {"emptied", [](const auto& path) { std::filesystem::resize_file(path, 0); }, true, 0},
      {"cut in the head", [](const auto& path) { std::filesystem::resize_file(path, 100); }, true,
       0},
      {"cut in the slots", [](const auto& path) { std::filesystem::resize_file(path, 600); }, true,
       1},
      {"cut in the notes",
       [](const auto& path) { std::filesystem::resize_file(path, notes_begin + 10); }, false, 2},
      {"too long", [](const auto& path) { std::filesystem::resize_file(path, 1 << 20); }, false, 2},
      {"all zeros",
       [](const auto& path) { support::damage(path, 0, std::string(notes_begin, '\0')); }, true, 0},
      {"a directory",
       [](const auto& path) {
         std::filesystem::remove(path);
         std::filesystem::create_directory(path);
       },
       true, 0},
      {"a link to nowhere",
       [](const auto& path) {
         std::filesystem::remove(path);
         std::filesystem::create_symlink("/nonexistent/latch", path);
       },
       true, 0},
  };
  for (const Row& row : rows) {
    const TempDir dir;
    {
      LatchFile file = open(dir.path());
      REQUIRE(file.write("m", "v", slot(0, 0, 0, true, 1)).has_value());
      REQUIRE(file.write("n", "v", slot(7, 0, 0, true, 3)).has_value());
      file.keep_note("m", "v", 1, "words");
    }
    row.harm(dir / "latch");
    CAPTURE(row.what);
    {
      LatchFile file = open(dir.path());
      CHECK(file.lost() == row.lost);
      CHECK_FALSE(file.damage().empty());
      CHECK(file.size() == row.left);
      CHECK(count_corrupt(dir.path()) == 1);
      CHECK(file.fault().empty());
      CHECK(file.write("m", "v", slot(0, 0, 0, true, 1)).has_value());
    }
    const LatchFile again = open(dir.path());  // the new file is sound
    CHECK(again.damage().empty());
    CHECK(again.read("m", "v") == slot(0, 0, 0, true, 1));
  }
}

TEST_CASE("a file that is harmed under the gateway is made anew from memory") {
  struct Row {
    const char* what;
    void (*harm)(const std::filesystem::path&);
  };
  const Row rows[] = {
      {"emptied", [](const auto& path) { std::filesystem::resize_file(path, 0); }},
      {"cut", [](const auto& path) { std::filesystem::resize_file(path, 300); }},
      {"removed", [](const auto& path) { std::filesystem::remove(path); }},
      {"zeroed",
       [](const auto& path) {
         support::damage(path, 0, std::string(latch_format::file_bytes, '\0'));
       }},
      {"one byte", [](const auto& path) { support::damage(path, first_slot * 9 + 240, "X"); }},
      {"replaced",
       [](const auto& path) {
         std::filesystem::remove(path);
         support::write_file(path, "another");
       }},
      {"a directory",
       [](const auto& path) {
         std::filesystem::remove(path);
         std::filesystem::create_directories(path / "in it");
       }},
      {"a link to nowhere",
       [](const auto& path) {
         std::filesystem::remove(path);
         std::filesystem::create_symlink("/nonexistent/latch", path);
       }},
  };
  for (const Row& row : rows) {
    for (const bool stored_before_the_look : {false, true}) {
      CAPTURE(row.what, stored_before_the_look);
      const TempDir dir;
      base::ManualClock clock;
      LatchFile file = open(dir.path());
      REQUIRE(file.write("m", "v", slot(std::nullopt, 10000, 500, false, 2)).has_value());
      CHECK_FALSE(file.check(clock.mono()));
      row.harm(dir / "latch");
      // A rollback decided now is not lost, whether the harm was seen before it or not.
      if (!stored_before_the_look) CHECK(file.check(clock.mono()));
      REQUIRE(file.write("m", "v", slot(std::nullopt, 0, 500, true, 2)).has_value());
      if (stored_before_the_look) {
        const auto found = file.check(clock.mono());
        REQUIRE(found);
        CHECK_FALSE(found->damage.empty());
        CHECK(found->error.empty());
      }
      clock.advance(std::chrono::seconds(2));
      CHECK_FALSE(file.check(clock.mono()));
      const LatchFile again = open(dir.path());
      CHECK(again.damage().empty());
      CHECK(again.read("m", "v") == slot(std::nullopt, 0, 500, true, 2));
    }
  }
}

TEST_CASE("a file of another gateway, or none where one was, is lost") {
  const TempDir here, there;
  std::string instance;
  {
    LatchFile file = open(here.path());
    instance = file.instance();
    LatchFile other = open(there.path());
    REQUIRE(other.write("m", "v", slot(std::nullopt, 10000, 10000, false, 9)).has_value());
  }
  SECTION("of another gateway") {
    std::filesystem::copy_file(there / "latch", here / "latch",
                               std::filesystem::copy_options::overwrite_existing);
    LatchFile file = open(here.path());
    file.settle(true, instance);
    CHECK(file.lost());
    CHECK_FALSE(file.read("m", "v"));
    CHECK(file.instance() == instance);
    CHECK(count_corrupt(here.path()) == 1);
  }
  SECTION("removed") {
    std::filesystem::remove(here / "latch");
    LatchFile file = open(here.path());
    file.settle(true, instance);
    CHECK(file.lost());
    CHECK(file.instance() == instance);
  }
  SECTION("a first start") {
    std::filesystem::remove(here / "latch");
    LatchFile file = open(here.path());
    file.settle(false, "");
    CHECK_FALSE(file.lost());
  }
  LatchFile file = open(here.path());
  CHECK(file.damage().empty());
}

TEST_CASE("a new instance that the database has not learned of makes no stranger of the file") {
  const TempDir dir;
  std::string known;
  {
    LatchFile file = open(dir.path());
    known = file.instance();
    REQUIRE(file.write("m", "v", slot(0, 0, 0, true, 1)).has_value());
    file.renew_instance(known);
    CHECK(file.instance() != known);
  }
  for (int start = 0; start < 2; ++start) {  // the second renews again
    LatchFile file = open(dir.path());
    file.settle(true, known);
    CHECK_FALSE(file.lost());
    CHECK_FALSE(file.foreign());
    CHECK(file.read("m", "v")->latched);
    file.renew_instance(known);
  }
}

TEST_CASE("a freed slot is given again, and forgotten by the next start") {
  const TempDir dir;
  {
    LatchFile file = open(dir.path());
    for (const char* canary : {"a", "b", "c"})
      REQUIRE(file.write("m", canary, slot(1, 2, 3, false, 4)).has_value());
    file.free("m", "b");
    file.free("m", "never there");
    CHECK(file.size() == 2);
  }
  LatchFile file = open(dir.path());
  CHECK(file.damage().empty());
  CHECK(file.size() == 2);
  CHECK_FALSE(file.read("m", "b"));
  CHECK(file.read("m", "c") == slot(1, 2, 3, false, 4));
  for (std::uint32_t i = 2; i < LatchFile::slot_count; ++i)
    REQUIRE(file.write("m", std::to_string(i), {}).has_value());
  CHECK(file.write("m", "one more", {}).has_error());
  file.free("m", "7");
  CHECK(file.write("m", "one more", {}).has_value());
}

TEST_CASE("the words of the last 32 rollbacks are kept") {
  const TempDir dir;
  {
    LatchFile file = open(dir.path());
    for (std::uint32_t i = 1; i <= 70; ++i)
      file.keep_note("m", "v", i, "rollback " + std::to_string(i));
    file.keep_note("m", "w", 70, std::string(10'000, 'x'));
    file.keep_note("m", "k_version", 3, "under m");
  }
  const LatchFile file = open(dir.path());
  CHECK(file.damage().empty());
  CHECK_FALSE(file.note("v", 40));
  CHECK_FALSE(file.note("version", 3));  // the end of a name is not the name
  CHECK(file.note("v", 41) == "rollback 41");
  CHECK(file.note("v", 70) == "rollback 70");
  CHECK(file.note("k_version", 3) == "under m");  // another model's by now
  CHECK(file.note("w", 70)->size() > 3'500);
}

TEST_CASE("the first version's file is taken over, and its damage is seen") {
  // Bytes as the release before wrote them: one canary latched at attempt 3, one at 10% of a plan.
  const TempDir dir;
  const auto copy = [&](const char* name) {
    std::filesystem::copy_file(support::source_dir() / "tests/unit/store/old" / name, dir / "latch",
                               std::filesystem::copy_options::overwrite_existing);
  };
  copy("latch-1");
  SECTION("sound") {
    LatchFile file = open(dir.path());
    CHECK(file.damage().empty());
    CHECK(file.size() == 2);
    CHECK(file.read("m", "m_v2")->latched);
    CHECK(file.read("m", "m_v2")->attempt == 3);
    CHECK(file.read("m", "m_v2")->rollbacks == 1);
    CHECK(file.read("n", "n_v2")->phase == base::BasisPoints{1000});
    CHECK_FALSE(file.read("n", "n_v2")->latched);
    CHECK(file.instance().size() == 32);
    const std::string instance = file.instance();
    CHECK(open(dir.path()).instance() == instance);
    CHECK(std::filesystem::file_size(dir / "latch") == latch_format::file_bytes);
  }
  SECTION("a damaged word") {
    support::damage(dir / "latch", first_slot + 256 + 241, "X");
    LatchFile file = open(dir.path());
    CHECK_FALSE(file.damage().empty());
    CHECK_FALSE(file.lost());
    CHECK(file.read("n", "n_v2")->latched);
  }
  SECTION("a lost slot") {
    support::damage(dir / "latch", first_slot, std::string(256, '\0'));
    LatchFile file = open(dir.path());
    CHECK(file.lost());
    CHECK(file.read("n", "n_v2"));
  }
}

TEST_CASE("what cannot be kept is an error: a name too long, one slot too many") {
  const TempDir dir;
  LatchFile file = open(dir.path());
  CHECK(file.write(std::string(110, 'm'), std::string(111, 'v'), {}).has_value());
  const auto too_long = file.write(std::string(111, 'm'), std::string(111, 'v'), {});
  REQUIRE(too_long.has_error());
  CHECK_THAT(too_long.error().message(), Catch::Contains("221 bytes"));
  for (std::uint32_t i = 1; i < LatchFile::slot_count; ++i)
    REQUIRE(file.write("m", std::to_string(i), {}).has_value());
  const auto full = file.write("m", "one more", {});
  REQUIRE(full.has_error());
  CHECK_THAT(full.error().message(), Catch::Contains("canary-gateway forget"));
  CHECK(file.write("m", "5", slot(0, 0, 0, true, 1)).has_value());
}

TEST_CASE("a latch is stored on a full disk, because its room was taken at the start") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  LatchFile file = open(disk->path());
  disk->fill();
  for (int i = 0; i < 500; ++i)
    REQUIRE(file.write("m", std::to_string(i), slot(std::nullopt, 0, 0, true, 1)).has_value());
  CHECK(file.read("m", "499")->latched);
}

TEST_CASE("without room for the file opening it is an error") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  disk->fill();
  const auto opened = LatchFile::open(disk->path());
  REQUIRE(opened.has_error());
  CHECK_THAT(opened.error().message(), Catch::Contains("make room for"));
}

TEST_CASE("beside a database a latch file without room keeps everything in memory, and says so") {
  auto disk = support::SmallDisk::mount();
  if (!disk) {
    WARN("skipped: mounting a tmpfs is not permitted here");
    return;
  }
  support::write_file(disk->path() / "state.db", "");
  disk->fill();
  base::ManualClock clock;
  LatchFile file = open(disk->path());
  CHECK_THAT(file.fault(), Catch::Contains("make room for"));
  REQUIRE(file.write("m", "v", slot(std::nullopt, 0, 0, true, 1)).has_value());
  CHECK(file.read("m", "v")->latched);
  REQUIRE(file.check(clock.mono()));
  disk->free();
  CHECK_FALSE(file.check(clock.mono()));  // not at every tick
  clock.advance(std::chrono::seconds(11));
  const auto found = file.check(clock.mono());
  REQUIRE(found);
  CHECK(found->error.empty());
  CHECK(file.fault().empty());
  CHECK(open(disk->path()).read("m", "v")->latched);
}
