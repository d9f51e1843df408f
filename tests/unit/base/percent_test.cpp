#include "base/percent.hpp"

#include <catch2/catch.hpp>

using namespace canary;

TEST_CASE("a code of two hexadecimal digits is one character, anything else is itself") {
  struct Row {
    std::string_view text;
    char value;
    std::size_t length;
  };
  for (const auto& [text, value, length] :
       {Row{"a", 'a', 1}, Row{"%41b", 'A', 3}, Row{"%2f", '/', 3}, Row{"%2F", '/', 3},
        Row{"%00", '\0', 3}, Row{"%", '%', 1}, Row{"%4", '%', 1}, Row{"%g1", '%', 1},
        Row{"%1g", '%', 1}, Row{"%%41", '%', 1}}) {
    INFO(text);
    CHECK(base::decode_first(text).value == value);
    CHECK(base::decode_first(text).length == length);
    CHECK(base::decode_first(text).is_code() == (length == 3));
  }
  for (const char c : {'/', ':', '@', 'G', '`', 'g', '\xb0'}) CHECK(base::hex_digit(c) == -1);
}
