#include "base/text.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/json_text.hpp"

using namespace canary::base;

TEST_CASE("comparison without case concerns ASCII letters alone", "[text]") {
  CHECK(iequals("Content-Length", "cONTENT-lENGTH"));
  CHECK(iequals("", ""));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("[", "{"));  // 0x5b and 0x7b differ only in the bit that case differs in
  CHECK_FALSE(iequals("@", "`"));
  CHECK(lower("ABC-xyz-\xC3\x84") == "abc-xyz-\xC3\x84");
}

TEST_CASE("trimming takes spaces and tabs off both ends and nothing else", "[text]") {
  CHECK(trim(" \t a b \t") == "a b");
  CHECK(trim("").empty());
  CHECK(trim(" \t ").empty());
  CHECK(trim("\r\na") == "\r\na");
}

TEST_CASE("list elements are trimmed and empty ones skipped", "[text]") {
  const auto elements = [](std::string_view list) {
    std::vector<std::string> out;
    for_each_element(list, [&](std::string_view e) { out.emplace_back(e); });
    return out;
  };
  CHECK(elements("a, b ,,\tc,") == std::vector<std::string>{"a", "b", "c"});
  CHECK(elements(" , ,") == std::vector<std::string>{});
  CHECK(elements("") == std::vector<std::string>{});
}

TEST_CASE("strings are escaped so that they are JSON whatever they hold", "[json_text]") {
  struct Row {
    std::string text, json;
  };
  const std::string replacement = "\xEF\xBF\xBD";
  const Row rows[] = {
      {"plain", "\"plain\""},
      {"a\"b\\c", "\"a\\\"b\\\\c\""},
      {"line\nbreak\ttab\r", "\"line\\nbreak\\u0009tab\\u000d\""},
      {std::string("\0\x1f\x7f", 3), "\"\\u0000\\u001f\\u007f\""},
      {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xA4", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xA4\""},
      {"\xFF", "\"" + replacement + "\""},
      {"\xC3", "\"" + replacement + "\""},                    // cut short
      {"\xC0\xAF", "\"" + replacement + replacement + "\""},  // overlong
      {"\xE0\x80\xAF", "\"" + replacement + replacement + replacement + "\""},
      {"\xED\xA0\x80", "\"" + replacement + replacement + replacement + "\""},  // surrogate
      {"\xF4\x90\x80\x80", "\"" + replacement + replacement + replacement + replacement + "\""}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(json_string(row.text) == row.json);
  }
}

TEST_CASE("numbers that JSON cannot say become null", "[json_text]") {
  const auto number = [](double value) {
    std::string out;
    append_json_number(out, value);
    return out;
  };
  CHECK(number(12.5) == "12.5");
  CHECK(number(0) == "0");
  CHECK(number(-1.0 / 0.0) == "null");
  CHECK(number(0.0 / 0.0) == "null");
  CHECK(std::stod(number(-2.2250738585072014e-308)) == -2.2250738585072014e-308);
}
