#include "base/printable.hpp"

#include <catch2/catch.hpp>

#include "base/json_text.hpp"
#include "base/nearest_word.hpp"

using namespace canary;

TEST_CASE("nothing that a terminal obeys is shown") {
  struct Row {
    std::string text, shown;
  };
  const std::vector<Row> rows = {
      {"plain", "plain"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa4", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa4"},
      {"a\x1b[31mb", "a?[31mb"},
      {"a\xc2\x9b"
       "31m",
       "a?31m"},  // CSI in C1
      {"a\xc2\x85"
       "b\x7f",
       "a?b?"},  // NEL, DEL
      {"a\r\nb\tc", "a? b c"},
      {"a\xe2\x80\xae"
       "b",
       "a?b"},  // right-to-left override
      {"a\xe2\x81\xa6"
       "b\xe2\x81\xa9",
       "a?b?"},                          // isolates
      {"a\xe2\x80\x8e\xd8\x9c", "a??"},  // marks of direction
      {"a\xe2\x80\xa8"
       "b",
       "a?b"},                               // line separator
      {"a\xe2\x80\x8b\xef\xbb\xbf", "a??"},  // invisible
      {"a\xf3\xa0\x81\x81", "a?"},           // a tag
      {"a\xff\xc2", "a??"},                  // no UTF-8
      {std::string("a\0b", 3), "a?b"},
  };
  for (const auto& [text, shown] : rows) {
    INFO(shown);
    CHECK(base::printable(text) == shown);
  }
  CHECK(base::printable_lines("a\nb\x1b\n") == "a\nb?\n");
}

TEST_CASE("what a terminal obeys is hidden as well, and more is hidden than it obeys") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c)
    if (base::is_control(c) && !base::is_hidden(c)) FAIL(static_cast<unsigned>(c));
  for (const char32_t c :
       {U'\u034F', U'\u115F', U'\u2800', U'\uE000', U'\uFE0F', U'\U0001FFFE', U'\U000F0000'}) {
    CHECK(base::is_hidden(c));
    CHECK_FALSE(base::is_control(c));
  }
  for (const char32_t c : {U'a', U' ', U'\u00E9', U'\u20AC', U'\U0001F424'})
    CHECK_FALSE(base::is_hidden(c));
}

TEST_CASE("JSON carries such characters as escapes, so that a log on a terminal is safe as well") {
  CHECK(base::json_string("a\xc2\x9b") == R"("a\u009b")");
  CHECK(base::json_string("a\xe2\x80\xae") == R"("a\u202e")");
  CHECK(base::json_string("caf\xc3\xa9\x7f\x1b") == "\"caf\xc3\xa9\\u007f\\u001b\"");
}

TEST_CASE("a word that is not known is answered with those that are, and the likely one") {
  CHECK(base::known_words("x", {}, "there are none") == "there are none");
  CHECK(base::known_words("comp-critc", {"comp-critic", "dcf"}, "") ==
        "known: comp-critic, dcf; did you mean comp-critic?");
  CHECK(base::known_words("zzzzzz", {"comp-critic"}, "") == "known: comp-critic");
  const std::vector<std::string> many(12, "m");
  CHECK(base::known_words("qqqq", many, "").ends_with(" and 2 more"));
}
