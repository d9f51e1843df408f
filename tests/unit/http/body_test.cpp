#include "http/body.hpp"

#include <rapidcheck.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/http_properties.hpp"

namespace canary::http {
namespace {

using namespace std::string_literals;

using Verdict = DecodedBody;

Verdict read_chunked(const std::string& wire) {
  const auto whole = decode_chunked(wire, [](auto left) { return left; });
  for (std::size_t size = 1; size <= 7; ++size) {
    INFO("pieces of " << size);
    CHECK(decode_chunked(wire, [&](auto) { return size; }) == whole);
  }
  return whole;
}

std::string hex(std::size_t size) {
  char room[chunk_prefix_max];
  const auto length = write_chunk_prefix(room + sizeof room, size);
  return {room + sizeof room - length, length};
}

std::string chunk(const std::string& data, const std::string& extension = "") {
  return hex(data.size()).insert(hex(data.size()).size() - 2, extension) + data + "\r\n";
}

}  // namespace

TEST_CASE("A chunked body is its data, and ends where it ends") {
  struct Row {
    std::string wire, data;
  };
  for (const auto& row : std::vector<Row>{
           {"0\r\n\r\n", ""},
           {"000\r\n\r\n", ""},
           {"5\r\nhello\r\n0\r\n\r\n", "hello"},
           {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
           {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
           {"0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"},
           {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
           {"5;a\r\nhello\r\n0\r\n\r\n", "hello"},
           {"5 ; a = b ;c=\"d;\\\"\\\\ \xff\t\" ; e\r\nhello\r\n0;z=1\r\n\r\n", "hello"},
           {"0\r\nA: b\r\nHost: evil\r\nEmpty:\r\n\r\n", ""},
       }) {
    INFO(row.wire);
    const auto expected = Verdict{row.data, row.wire.size(), true, false};
    CHECK(read_chunked(row.wire) == expected);
    CHECK(read_chunked(row.wire + "GET / HTTP/1.1\r\n\r\n") == expected);
    for (std::size_t size = 0; size < row.wire.size(); ++size) {
      const auto cut = read_chunked(row.wire.substr(0, size));
      CHECK_FALSE(cut.done);
      CHECK_FALSE(cut.failed);
      CHECK(row.data.starts_with(cut.data));
    }
  }
}

TEST_CASE("A broken chunked body is refused at the byte that breaks it") {
  struct Row {
    std::string good, bad, data;
  };
  for (const auto& row : std::vector<Row>{
           {"", "\r", ""},
           {"", "\n", ""},
           {"", " ", ""},
           {"", "g", ""},
           {"", "-", ""},
           {"", "+", ""},
           {"", ";", ""},
           {"0", "x", ""},
           {"5", "\n", ""},
           {"5\r", "\r", ""},
           {"5 ", "\r", ""},
           {"5 ", "5", ""},
           {"5", "\0"s, ""},
           {"5\t", "a", ""},
           {"5\r\nhello", "\n", "hello"},
           {"5\r\nhello", "x", "hello"},
           {"5\r\nhello\r", "x", "hello"},
           {"5\r\nhello\r\n", "\r", "hello"},
           {"0000000000000000", "0", ""},
           {"fffffffffffffff", "f;", ""},
           {"7ffffffffffffff", "g", ""},
           {"800000000000000", "0", ""},
           {"5;", "\r", ""},
           {"5;", ";", ""},
           {"5;", "=", ""},
           {"5;a", "\n", ""},
           {"5;a", "\0"s, ""},
           {"5;a ", "\r", ""},
           {"5;a ", "b", ""},
           {"5;a=", "\r", ""},
           {"5;a=", ";", ""},
           {"5;a=b", "=", ""},
           {"5;a=b", "\"", ""},
           {"5;a=b ", "\r", ""},
           {"5;a=b\r", "a", ""},
           {"5;a=\"", "\r", ""},
           {"5;a=\"", "\n", ""},
           {"5;a=\"", "\0"s, ""},
           {"5;a=\"", "\x7f", ""},
           {"5;a=\"\\", "\n", ""},
           {"5;a=\"b\"", "c", ""},
           {"5;a=\"b\" ", "c", ""},
           {"0\r\n", "\n", ""},
           {"0\r\n", " ", ""},
           {"0\r\n", ":", ""},
           {"0\r\nA", " ", ""},
           {"0\r\nA", "\r", ""},
           {"0\r\nA: b", "\n", ""},
           {"0\r\nA: b", "\0"s, ""},
           {"0\r\nA: b\r", "x", ""},
           {"0\r\nA: b\r\n", " ", ""},  // obs-fold
           {"0\r\n\r", "x", ""},
       }) {
    INFO('"' << row.good << "\" then \"" << row.bad << '"');
    CHECK_FALSE(read_chunked(row.good).failed);
    CHECK(read_chunked(row.good + row.bad) ==
          (Verdict{row.data, row.good.size() + 1, false, true}));
  }
}

TEST_CASE("Extensions and trailers are bounded over the whole body, and data pays for them") {
  const auto many = [](int count, std::size_t data, std::size_t extension) {
    std::string wire;
    for (int i = 0; i < count; ++i)
      wire += chunk(std::string(data, 'x'), ";" + std::string(extension, 'e'));
    return wire + "0\r\n\r\n";
  };
  CHECK(read_chunked(many(1, 1, 16000)).done);
  CHECK(read_chunked(many(1, 1, 17000)).failed);
  CHECK(read_chunked(many(100, 1, 100)).done);
  CHECK(read_chunked(many(1000, 1, 100)).failed);
  CHECK(read_chunked(many(1000, 1000, 100)).done);  // a signature on every chunk
  const auto trailers = [](std::size_t size) {
    return "0\r\nA: " + std::string(size, 'x') + "\r\n\r\n";
  };
  CHECK(read_chunked(trailers(16000)).done);
  CHECK(read_chunked(trailers(17000)).failed);
  std::string lines = "0\r\n";
  for (int i = 0; i < 5000; ++i) lines += "A:\r\n";
  CHECK(read_chunked(lines + "\r\n").failed);
}

TEST_CASE("A body of known length takes exactly its bytes") {
  BodyReader reader(Framing::length, 5);
  CHECK_FALSE(reader.done());
  CHECK(reader.remaining() == 5);
  std::string first = "hel", second = "loGET";
  auto step = reader.feed(first.data(), first.size());
  CHECK(step.consumed == 3);
  CHECK(step.data == 3);
  CHECK(reader.remaining() == 2);
  CHECK_FALSE(reader.end());
  step = reader.feed(second.data(), second.size());
  CHECK(step.consumed == 2);
  CHECK(step.data == 2);
  CHECK(reader.done());
  CHECK(reader.end());
  CHECK(reader.body_bytes() == 5);
}

TEST_CASE("A body may be empty, and until_close ends with the connection alone") {
  CHECK(BodyReader().done());
  CHECK(BodyReader(Framing::none, 0).done());
  CHECK(BodyReader(Framing::length, 0).done());
  BodyReader reader(Framing::until_close, 0);
  std::string bytes = "0\r\n\r\n";
  const auto step = reader.feed(bytes.data(), bytes.size());
  CHECK(step.consumed == 5);
  CHECK(step.data == 5);
  CHECK_FALSE(reader.done());
  CHECK(reader.end());
  CHECK(reader.done());
  BodyReader chunked(Framing::chunked, 0);
  CHECK_FALSE(chunked.end());
}

TEST_CASE("A chunk prefix is written right before its data") {
  CHECK(hex(1) == "1\r\n");
  CHECK(hex(255) == "ff\r\n");
  CHECK(hex(4096) == "1000\r\n");
  char room[chunk_prefix_max];
  CHECK(write_chunk_prefix(room + sizeof room, UINT64_MAX) == chunk_prefix_max);
  CHECK(std::string(room, sizeof room) == "ffffffffffffffff\r\n");
}

TEST_CASE("How the bytes are cut changes neither data nor verdict of a valid body") {
  REQUIRE(rc::check([](const std::vector<std::string>& parts, std::uint32_t seed) {
    std::string wire, data;
    for (const auto& part : parts) {
      if (part.empty()) continue;
      wire += chunk(part, part.size() % 3 == 0 ? ";a=\"b\"" : "");
      data += part;
    }
    wire += "0\r\nA: b\r\n\r\n";
    std::mt19937 random(seed);
    const auto cut = [&](auto left) { return 1 + random() % left; };
    const Verdict expected{data, wire.size(), true, false};
    RC_ASSERT(decode_chunked(wire + "rest", cut) == expected);
  }));
}

TEST_CASE("How the bytes are cut changes neither data nor verdict of any bytes") {
  std::mt19937 random(20240917);
  const std::vector<std::string> words = {"0",
                                          "1",
                                          "5",
                                          "a",
                                          "\r\n",
                                          "\r",
                                          "\n",
                                          ";",
                                          "=",
                                          "\"",
                                          "\\",
                                          " ",
                                          "\t",
                                          ":",
                                          "A: b",
                                          "x",
                                          "\0"s,
                                          "\xff",
                                          "5\r\nhello\r\n",
                                          "0\r\n",
                                          "1;a=\"b\"\r\n"};
  int done = 0, failed = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string wire;
    for (auto n = random() % 12; n-- > 0;) wire += words[random() % words.size()];
    if (random() % 2 == 0) wire = "5\r\nhello\r\n" + wire;
    if (random() % 2 == 0) wire += "0\r\n\r\n";
    const auto whole = decode_chunked(wire, [](auto left) { return left; });
    const auto cut = decode_chunked(
        wire, [&](auto left) { return 1 + random() % std::min<std::size_t>(left, 4); });
    INFO(wire);
    REQUIRE(cut == whole);
    done += whole.done;
    failed += whole.failed;
  }
  CHECK(done > 500);
  CHECK(failed > 1000);
}

}  // namespace canary::http
