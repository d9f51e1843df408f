// What YAML lets pass and a configuration must not.
#include <catch2/catch.hpp>

#include "config/document.hpp"
#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config_test;

namespace {

struct Case {
  std::string text;
  std::string errors;  // exactly
};

const std::string percentage = "a percentage 0..100, such as 10, 0.5 or 0.5%\n";

std::string at_percentage(const std::string& value) {
  return good +
         "    canary:\n"
         "      version: v2\n"
         "      endpoints: [\"http://127.0.0.1:2\"]\n"
         "      rollout_percentage: " +
         value + "\n";
}
const std::string canary_key = "f:10:27: models.m.canary.rollout_percentage: found ";

}  // namespace

TEST_CASE("numbers are what they look like, or refused") {
  const auto text = GENERATE(as<std::string>(), "010", "'5'", ".nan", ".inf", "nan", "inf", "1e1",
                             "0x10", "-1", "+5", "1_0", "5.", ".5", "1:30", "10 %", "''", "true");
  const bool shown = text != "nan" && text != "inf" && text != "1_0" && text != "1:30" &&
                     text != "10 %";  // may be anything, a secret as well
  const std::string found = shown ? text : "a text (not shown)";
  CHECK(errors_of(at_percentage(text)) == canary_key + found + ", expected " + percentage);
}

TEST_CASE("percentages have at most two decimals") {
  CHECK(errors_of(at_percentage("12.34")).empty());
  CHECK(errors_of(at_percentage("'12.34%'")).empty());
  CHECK(errors_of(at_percentage("100")).empty());
  CHECK(errors_of(at_percentage("0.001")) ==
        canary_key + "0.001, expected a percentage 0..100 in steps of 0.01\n");
  CHECK(errors_of(at_percentage("100.01")) == canary_key + "100.01, expected " + percentage);
}

TEST_CASE("integers are written without quotes, zeros in front, signs or exponents") {
  const auto text = GENERATE(as<std::string>(), "010", "'5'", "1e2", "0x10", "-1", "+5", "1_0",
                             "5.0", "99999999999999999999999", "0", "1000001", "many");
  const bool shown = text != "1_0" && text != "many";
  CHECK(errors_of("data: { limits: { connections: " + text + " } }\n" + good) ==
        "f:1:32: data.limits.connections: found " + (shown ? text : "a text (not shown)") +
            ", expected a whole number 1..1000000" +
            (text[0] == '\'' ? ", without quotes\n" : "\n"));
}

TEST_CASE("booleans are true or false") {
  const auto text = GENERATE(as<std::string>(), "yes", "on", "True", "1", "~", "'true'");
  const std::string found = text == "~" ? "nothing" : text;
  const std::string place = text == "~" ? "f:7:5" : "f:7:15";
  CHECK(errors_of(good + "    failover: " + text + "\n") ==
        place + ": models.m.failover: found " + found + ", expected true or false" +
            (text[0] == '\'' ? ", without quotes\n" : "\n"));
}

TEST_CASE("sizes and durations carry their unit") {
  CHECK(errors_of("data: { limits: { request_body: 10kb } }\n" + good) ==
        "f:1:33: data.limits.request_body: found 10kb, expected a size of 0..1024GiB, such as 512, "
        "64KiB or 1GiB\n");
  CHECK(errors_of("data: { limits: { request_body: '512' } }\n" + good).size() > 0);
  CHECK(errors_of("data: { limits: { request_body: 0512 } }\n" + good).size() > 0);
  CHECK(errors_of("data: { limits: { request_body: 512 } }\n" + good).empty());
  CHECK(errors_of("data: { timeouts: { header: 0s } }\n" + good) ==
        "f:1:29: data.timeouts.header: found 0s, expected a duration of 1ms..365d, such as 500ms, "
        "30s, 15m or 7d\n");
  CHECK(errors_of(good + "    timeouts: { total: 0s, connect: 250ms }\n").empty());
}

TEST_CASE("a key that stands twice is refused wherever it stands") {
  CHECK(errors_of("state_dir: /a\nstate_dir: /b\n" + good) ==
        "f:2:1: state_dir: found the key a second time, expected each key once; the first is on "
        "line 1\n");
  CHECK(errors_of(good + "  m: {}\n") ==
        "f:7:3: models.m: found the key a second time, expected each key once; the first is on "
        "line 2\n");
  CHECK(errors_of(good + "    slo: { latency_p95: 1s, latency_p95: 2s }\n") ==
        "f:7:29: models.m.slo.latency_p95: found the key a second time, expected each key once; "
        "the first is on line 7\n");
}

TEST_CASE("what is not one plain YAML document is one problem with its place") {
  const std::string yaml = "expected YAML 1.2 of plain maps, lists and words\n";
  const std::string nul("state_dir: /a\0b\n", 16);
  const Case cases[] = {
      {good + "---\n" + good, "f:7:1: found a second document, expected one document\n"},
      {"data: [1, 2\n",
       "f:2:1: found a list that began before here and is not closed, expected ',' or ']'\n"},
      {"data: {a: 1\nb: ]\n",
       "f:2:2: found a map that began before here and is not closed, expected ',' or '}'\n"},
      {"a: *x\n",
       "f:1:4: found an alias of an anchor that is not defined, expected '&name' before '*name'\n"},
      {"a: b: c\n",
       "f:1:5: found a ':' where no value can begin, expected one 'key: value' a line, no tab "
       "before "
       "it, and quotes around a text with ': ' in it\n"},
      {"a:\n  b: 1\n c: 2\n",
       "f:3:2: found a line that fits neither the map nor the list above it, expected 'key: value' "
       "or "
       "'- ' indented as those above it\n"},
      {"a:\n  - 1\n  b: 2\n",
       "f:3:3: found a line that fits neither the map nor the list above it, expected 'key: value' "
       "or "
       "'- ' indented as those above it\n"},
      {"a: ]\n",
       "f:1:4: found a ']' or '}' that closes nothing, expected one for each '[' and '{'\n"},
      {"a: \"\\q\"\n",
       "f:1:7: found an unknown '\\' escape in double quotes, expected single quotes, or '\\\\' "
       "for the "
       "character itself\n"},
      {"a: @b\n",
       "f:1:4: found a character that no value begins with, expected quotes around the value\n"},
      {"a: - b\n",
       "f:1:4: found a '- ' where no list can begin, expected the list's items below their key, "
       "each on a line of its own\n"},
      {"a: &x [*x]\n", "f:1:8: found an alias inside the value that it names, " + yaml},
      {"a: &x {b: 1}\nc: {<<: *x}\n", "f:2:5: found a merge key; write the keys out, " + yaml},
      {"a: !!int 5\n", "f:1:4: found a tag; values carry none here, " + yaml},
      {"? [a]\n: b\n", "f:1:3: found a key that is not a word, " + yaml},
      {nul, "f:1:14: found a NUL, expected text in UTF-8 without NUL\n"},
      {"a: 1\nb: \xff\n", "f:2:4: found invalid UTF-8, expected text in UTF-8 without NUL\n"},
      {"b: \xc0\x80\n", "f:1:4: found invalid UTF-8, expected text in UTF-8 without NUL\n"},
      {"b: \xed\xa0\x80\n", "f:1:4: found invalid UTF-8, expected text in UTF-8 without NUL\n"},
      {std::string((1 << 20) + 1, ' '),
       "f: found more than 1 MiB, expected a text of at most 1 "
       "MiB\n"},
      {std::string(100, '['), "f:1:33: found more than 64 levels, " + yaml},
      {std::string(100'000, '['), "f:1:33: found more than 64 levels, " + yaml},
  };
  for (const auto& [text, errors] : cases) {
    INFO(text.substr(0, 100));
    CHECK(errors_of(text) == errors);
  }
}

TEST_CASE("aliases are expanded, and their expansion is bounded") {
  CHECK(errors_of(good +
                  "    health: {eject_after_failures: &n 0}\n    upstream: {max_in_flight: *n}\n")
            .empty());
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string previous(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += "*" + previous + (i < 9 ? ", " : "]\n");
  }
  const auto document = config::read_document(bomb);
  REQUIRE(document.problems.size() == 1);
  CHECK(document.problems[0].found == "more than 100000 values, aliases expanded");
  CHECK(document.root.entries.empty());
}

TEST_CASE("a text with nothing in it lacks its models") {
  const auto text = GENERATE(as<std::string>(), "", "\n", "# only a comment\n", "---\n", "{}");
  CHECK(errors_of(text) == "f:1:1: models: found nothing, expected at least one model\n");
}

TEST_CASE("a text that is not a map is refused") {
  CHECK(errors_of("just words\n") == "f:1:1: found a text (not shown), expected a map of keys\n");
  CHECK(errors_of("[1]\n") == "f:1:1: found a list, expected a map of keys\n");
}

TEST_CASE("a byte order mark and Windows line ends are only ways to write") {
  std::string crlf = "\xEF\xBB\xBF";
  for (const char c : good) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(errors_of(crlf).empty());
}
