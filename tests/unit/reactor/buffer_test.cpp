#include "reactor/buffer.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <list>

#include "base/random.hpp"

namespace canary::reactor {
namespace {

void put(Buffer& buffer, std::string_view bytes) {
  const auto room = buffer.prepare(bytes.size());
  REQUIRE(room.size() >= bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  buffer.commit(bytes.size());
}

std::string some(base::Random& random, std::size_t size) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>('a' + random.below(26));
  return bytes;
}

}  // namespace

TEST_CASE("A buffer takes bytes at its end and gives them from its front") {
  BufferPool pool;
  Buffer buffer(pool);
  CHECK(buffer.empty());
  put(buffer, "hello ");
  put(buffer, "world");
  CHECK(buffer.view() == "hello world");
  buffer.consume(6);
  CHECK(buffer.view() == "world");
  buffer.consume(5);
  CHECK(buffer.empty());
}

TEST_CASE("Another buffer that needs the receive area leaves the bytes of the first one whole") {
  BufferPool pool;
  Buffer first(pool), second(pool);
  const std::string bytes(100'000, 'x');
  put(first, bytes);
  const char* const in_area = first.data();
  put(second, "second");
  CHECK(first.view() == bytes);
  CHECK(first.data() != in_area);
  CHECK(second.data() == in_area);
  put(first, "more");  // where it is now
  CHECK(first.view() == bytes + "more");
  CHECK(second.view() == "second");
}

TEST_CASE("An empty buffer that was given room loses it silently") {
  BufferPool pool;
  Buffer first(pool), second(pool);
  first.prepare(10);
  put(second, "second");
  CHECK(first.empty());
  put(first, "first");
  CHECK(second.view() == "second");
  CHECK(first.view() == "first");
}

TEST_CASE("What waits holds about as much as its bytes, however they came and went") {
  BufferPool pool;
  const auto displaced = [&](Buffer& buffer) {
    Buffer other(pool);
    other.prepare(1);  // takes the area
    buffer.compact();
    return pool.in_use();
  };
  const auto [came, pieces, gone] =
      GENERATE(table<std::size_t, int, std::size_t>({{100, 1, 0},
                                                     {100, 100, 0},
                                                     {20'000, 1, 0},
                                                     {20'000, 50, 0},
                                                     {20'000, 5, 19'900},
                                                     {120'000, 1, 0},
                                                     {120'000, 1, 100'000},
                                                     {120'000, 30, 119'999},
                                                     {300'000, 3, 290'000}}));
  CAPTURE(came, pieces, gone);
  Buffer buffer(pool);
  base::Random random(11);
  std::string expected;
  for (int i = 0; i < pieces; ++i) {
    const std::string bytes = some(random, came / static_cast<std::size_t>(pieces));
    put(buffer, bytes);
    expected += bytes;
    displaced(buffer);
    REQUIRE(buffer.view() == expected);
  }
  buffer.consume(gone);
  const std::size_t held = displaced(buffer);
  CHECK(buffer.view() == std::string_view(expected).substr(gone));
  CHECK(held <= 2 * (buffer.size() + BufferPool::headroom) + 1024);
  buffer.clear();
  CHECK(pool.in_use() == 0);
}

TEST_CASE("A buffer grows beyond the area and beyond its blocks") {
  BufferPool pool;
  Buffer buffer(pool), other(pool);
  std::string expected;
  base::Random random(7);
  for (int i = 0; i < 40; ++i) {
    const std::string bytes = some(random, 30'000);
    put(buffer, bytes);
    expected += bytes;
    if (i % 7 == 0) put(other, "x");
    REQUIRE(buffer.view() == expected);
  }
}

TEST_CASE("Room at the front is reused before the buffer grows") {
  BufferPool pool;
  Buffer buffer(pool);
  put(buffer, std::string(BufferPool::area_size - 10, 'a') + "tail");
  const char* const begin = buffer.data();
  buffer.consume(BufferPool::area_size - 10);
  put(buffer, std::string(5000, 'b'));
  CHECK(buffer.data() == begin);  // moved down within the area
  CHECK(buffer.view() == "tail" + std::string(5000, 'b'));
}

TEST_CASE("There is headroom in front of received bytes, in the area and in a block") {
  BufferPool pool;
  Buffer buffer(pool), other(pool);
  const bool in_block = GENERATE(false, true);
  put(buffer, "data");
  if (in_block) put(other, "other");
  std::memset(buffer.data() - BufferPool::headroom, '#', BufferPool::headroom);
  buffer.unconsume(BufferPool::headroom);
  CHECK(buffer.view() == std::string(BufferPool::headroom, '#') + "data");
  if (!in_block) put(other, "evicts");
  CHECK(buffer.view() == std::string(BufferPool::headroom, '#') + "data");
  put(buffer, std::string(BufferPool::area_size, 'x'));
  CHECK(buffer.size() == BufferPool::headroom + 4 + BufferPool::area_size);
}

TEST_CASE("A full area with its headroom in use still grows properly") {
  BufferPool pool;
  Buffer buffer(pool);
  put(buffer, std::string(BufferPool::area_size, 'x'));
  buffer.unconsume(16);
  std::memset(buffer.data(), '#', 16);
  put(buffer, "end");
  CHECK(buffer.view() == std::string(16, '#') + std::string(BufferPool::area_size, 'x') + "end");
}

TEST_CASE("Buffers of one pool behave like strings, whatever is done to them in whatever order") {
  const auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  base::Random random(static_cast<std::uint64_t>(seed));
  BufferPool pool;
  std::list<Buffer> buffers;
  for (int i = 0; i < 5; ++i) buffers.emplace_back(pool);
  std::vector<std::string> models(5);
  for (int step = 0; step < 5000; ++step) {
    const std::size_t which = random.below(5);
    Buffer& buffer = *std::next(buffers.begin(), static_cast<long>(which));
    std::string& model = models[which];
    switch (random.below(6)) {
      case 0:
      case 1:
      case 2: {
        const std::uint32_t most = random.below(4) == 0 && model.size() < 400'000 ? 40'000 : 2000;
        const std::string bytes = some(random, random.below(most));
        put(buffer, bytes);
        model += bytes;
        break;
      }
      case 3: {
        const std::size_t count = random.below(static_cast<std::uint32_t>(model.size()) + 1);
        buffer.consume(count);
        model.erase(0, count);
        break;
      }
      case 4:
        if (random.below(20) > 0) break;
        buffer.clear();
        model.clear();
        break;
      case 5:
        if (model.empty()) break;
        buffer.unconsume(18);
        std::memset(buffer.data(), '0', 18);
        model.insert(0, 18, '0');
        buffer.consume(18);
        model.erase(0, 18);
    }
    REQUIRE(std::equal(buffers.begin(), buffers.end(), models.begin(),
                       [](const Buffer& a, const std::string& b) { return a.view() == b; }));
  }
}

}  // namespace canary::reactor
