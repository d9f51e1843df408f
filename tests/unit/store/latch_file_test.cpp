#include "store/latch_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/random.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::store;
using support::TempDir;

namespace {

constexpr std::size_t first_slot = 256, word_offset = 240, name_offset = 2;

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

TEST_CASE("any damaged bit of a word reads as everything 0 and latched") {
  for (int bit = 0; bit < 64; ++bit) {
    const TempDir dir;
    {
      LatchFile file = open(dir.path());
      REQUIRE(file.write("m", "v", slot(5000, 10000, 10000, false, 1)).has_value());
    }
    const std::string content = support::read_file(dir / "latch");
    const std::size_t at = first_slot + word_offset + static_cast<std::size_t>(bit / 8);
    support::damage(dir / "latch", at,
                    std::string(1, static_cast<char>(content[at] ^ (1 << (bit % 8)))));
    const LatchFile file = open(dir.path());
    CAPTURE(bit);
    CHECK_FALSE(file.lost());
    const auto read = file.read("m", "v");
    REQUIRE(read);
    CHECK(read->latched);
    CHECK(read->flag == base::BasisPoints{0});
    CHECK(read->cap == 0);
    CHECK(read->file == 0);
  }
}

TEST_CASE("a word of zeros is damage, not a free pass") {
  const TempDir dir;
  {
    LatchFile file = open(dir.path());
    REQUIRE(file.write("m", "v", slot(5000, 10000, 10000, false, 1)).has_value());
  }
  support::damage(dir / "latch", first_slot + word_offset, std::string(8, '\0'));
  const auto read = open(dir.path()).read("m", "v");
  REQUIRE(read);
  CHECK(read->latched);
}

TEST_CASE("an unreadable file is moved aside and said to be lost") {
  struct Row {
    const char* what;
    void (*harm)(const std::filesystem::path&);
  };
  const Row rows[] = {
      {"magic", [](const auto& path) { support::damage(path, 0, "X"); }},
      {"slot count", [](const auto& path) { support::damage(path, 8, "\x01"); }},
      {"a name", [](const auto& path) { support::damage(path, first_slot + name_offset, "X"); }},
      {"a name's length", [](const auto& path) { support::damage(path, first_slot, "\xff\xff"); }},
      {"a lost slot",
       [](const auto& path) { support::damage(path, first_slot, std::string(256, '\0')); }},
      {"size", [](const auto& path) { std::filesystem::resize_file(path, 4096); }},
  };
  for (const Row& row : rows) {
    const TempDir dir;
    {
      LatchFile file = open(dir.path());
      REQUIRE(file.write("m", "v", slot(0, 0, 0, true, 1)).has_value());
      REQUIRE(file.write("n", "v", slot(0, 0, 0, true, 1)).has_value());
    }
    row.harm(dir / "latch");
    CAPTURE(row.what);
    LatchFile file = open(dir.path());
    CHECK(file.lost());
    CHECK(file.size() == 0);
    CHECK(count_corrupt(dir.path()) == 1);
    CHECK(file.write("m", "v", slot(0, 0, 0, true, 1)).has_value());
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
  CHECK(file.write("m", "one more", {}).has_error());
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
