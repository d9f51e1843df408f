// What inotify tells of a path, by every way in which a file can change.
#include "control/watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace canary;
using namespace canary::control;
using support::TempDir;

namespace fs = std::filesystem;

namespace {

/// The kernel queues events before the call that made them returns: nothing needs to be awaited.
struct Watched {
  explicit Watched(const fs::path& path) : watch(path) {
    REQUIRE(watch.open());
    watch.follow();
  }
  Watch watch;
  Change after(const std::function<void()>& change) {
    change();
    return watch.take();
  }
};

/// As the kubelet swaps a ConfigMap's directory.
void publish(const TempDir& dir, const std::string& version) {
  fs::create_directory(dir / version);
  support::write_file(dir / version / "gateway.yaml", version);
  fs::create_symlink(version, dir / "..data_tmp");
  fs::rename(dir / "..data_tmp", dir / "..data");
}

}  // namespace

TEST_CASE("each way of changing a file is told from the others") {
  const TempDir dir;
  const fs::path path = dir / "gateway.yaml";
  support::write_file(path, "one");
  Watched watched(path);
  CHECK(watched.after([] {}) == Change::none);
  CHECK(watched.after([&] { support::write_file(path, "two"); }) == Change::closed);
  CHECK(watched.after([&] {
    support::write_file(dir / "aside", "three");
    fs::rename(dir / "aside", path);
  }) == Change::replaced);
  CHECK(watched.after([&] { support::write_file(dir / "neighbour", "x"); }) == Change::none);
  // As vim does: the old file is moved away, and the new one written in its place.
  CHECK(watched.after([&] {
    fs::rename(path, dir / "gateway.yaml~");
    support::write_file(path, "four");
  }) == Change::closed);
  CHECK(watched.after([&] {
    fs::remove(path);
    fs::create_symlink("gateway.yaml~", path);
  }) == Change::replaced);
}

TEST_CASE("a writer that has not closed the file is noticed") {
  const TempDir dir;
  const fs::path path = dir / "gateway.yaml";
  support::write_file(path, "one");
  Watched watched(path);
  int fd = -1;
  CHECK(watched.after([&] { fd = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC); }) ==
        Change::opened);  // cut to nothing already
  CHECK(watched.after([&] { REQUIRE(::write(fd, "data", 4) == 4); }) == Change::opened);
  CHECK(watched.after([&] { ::close(fd); }) == Change::closed);
  CHECK(watched.after([&] { fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC); }) == Change::none);
  ::close(fd);
}

TEST_CASE("Kubernetes' ..data swap replaces the file, again and again") {
  const TempDir dir;
  publish(dir, "..2026_1");
  fs::create_symlink("..data/gateway.yaml", dir / "gateway.yaml");
  Watched watched(dir / "gateway.yaml");
  for (const char* version : {"..2026_2", "..2026_3", "..2026_4"}) {
    CHECK(watched.after([&] { publish(dir, version); }) == Change::replaced);
    watched.watch.follow();
  }
}

TEST_CASE("the directory that a swap leaves behind may be removed at once, or later") {
  const TempDir dir;
  publish(dir, "..2026_1");
  fs::create_symlink("..data/gateway.yaml", dir / "gateway.yaml");
  Watched watched(dir / "gateway.yaml");
  CHECK(watched.after([&] {
    publish(dir, "..2026_2");
    fs::remove_all(dir / "..2026_1");
  }) == Change::replaced);
  CHECK(watched.after([&] { publish(dir, "..2026_3"); }) == Change::replaced);
  CHECK(watched.after([&] { fs::remove_all(dir / "..2026_2"); }) == Change::none);
  CHECK(watched.after([&] {
    publish(dir, "..2026_4");
    publish(dir, "..2026_5");
    fs::remove_all(dir / "..2026_3");
    fs::remove_all(dir / "..2026_4");
  }) == Change::replaced);
  // The one that leads to the file is another matter.
  CHECK(watched.after([&] { fs::remove_all(dir / "..2026_5"); }) == Change::unsure);
}

TEST_CASE("a file behind a link into another directory is watched there too") {
  const TempDir dir, elsewhere;
  support::write_file(elsewhere / "real.yaml", "one");
  fs::create_symlink(elsewhere / "real.yaml", dir / "gateway.yaml");
  const auto links = links_to(dir / "gateway.yaml");
  REQUIRE(links.size() >= 2);
  CHECK(links.back().second == "real.yaml");
  Watched watched(dir / "gateway.yaml");
  CHECK(watched.after([&] { support::write_file(elsewhere / "real.yaml", "two"); }) ==
        Change::closed);
}

TEST_CASE("a circle of links ends") {
  const TempDir dir;
  fs::create_symlink("b", dir / "a");
  fs::create_symlink("a", dir / "b");
  CHECK(links_to(dir / "a").size() < 100);
}
