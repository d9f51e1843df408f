#include "base/url_text.hpp"

#include <catch2/catch.hpp>

using namespace canary;

TEST_CASE("of a URL its scheme, host and port are shown") {
  struct Row {
    std::string text, shown;
  };
  for (const auto& [text, shown] : std::vector<Row>{
           {"", ""},
           {"no URL: a/b", "no URL: a/b"},
           {"http://h", "http://h"},
           {"http://h:1/", "http://h:1"},
           {"http://h/SECRET", "http://h/..."},
           {"http://u:SECRET@h/SECRET?SECRET#SECRET", "http://h/..."},
           {"http://h?SECRET", "http://h/..."},
           {"http://h\\SECRET", "http://h/..."},
           {"http://a@SECRET@h", "http://h"},
           {"see https://h/SECRET, then", "see https://h/... then"},
           {"'https://h/SECRET' \"http://u:SECRET@i\"", "'https://h/...' \"http://i\""},
           {"(https://h/SECRET) https://i/", "(https://h/... https://i"},
           {"://SECRET@h", "://h"},
           {"http://", "http://"},
           {"a://b/SECRET\nc", "a://b/...\nc"},
       }) {
    INFO(text);
    CHECK(base::without_url_secrets(text) == shown);
  }
}
