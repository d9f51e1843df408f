#include "http/first_event.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace canary::http {
namespace {

/// How many bytes it takes until content began; npos when it never does.
std::size_t begins_at(std::string_view stream, std::size_t step) {
  FirstEvent first;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    first.feed(stream.substr(at, step));
    if (first.began()) return at;
  }
  return std::string_view::npos;
}

}  // namespace

TEST_CASE("An event stream's content begins with its first line that is no comment") {
  constexpr auto never = std::string_view::npos;
  const std::pair<std::string, std::size_t> table[] = {
      {"data: x\n\n", 0},
      {"event: a\ndata: x\n\n", 0},
      {"retry: 3000\n\n", 0},
      {"x", 0},
      {" :x\n", 0},
      {": keep-alive\n\ndata: x\n\n", 14},
      {": keep-alive\r\n\r\n: again\r\n\r\ndata: x\r\n\r\n", 27},
      {":\r:\rdata", 4},
      {"\n\n\r\nd", 4},
      {":::data: x\n", never},
      {": data: x", never},
      {"\n\r\n\r", never},
      {"", never},
      {"\xef\xbb\xbf: c\n\ndata", 8},
      {"\xef\xbb\xbf", never},
      {"\xef\xbb\xbf"
       "data",
       3},
      {"\xef\xbb data", 2},
      {"\xef: data", 1},
      {": c\n\xef\xbb\xbf", 4},
      {"\x1f\x8b\x08", 0},  // compressed: nobody here reads it
  };
  for (const auto& [stream, at] : table) {
    CAPTURE(stream);
    CHECK(begins_at(stream, 1) == at);
    CHECK((begins_at(stream, 1000) == never) == (at == never));
    CHECK((begins_at(stream, 3) == never) == (at == never));
  }
}

}  // namespace canary::http
