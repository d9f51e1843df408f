#include "base/port.hpp"

#include <catch2/catch.hpp>

using namespace canary;

TEST_CASE("a port is 1..65535 in one spelling") {
  CHECK(base::parse_port("1") == 1);
  CHECK(base::parse_port("80") == 80);
  CHECK(base::parse_port("65535") == 65535);
  for (const char* none : {"", "0", "00080", "080", "65536", "99999", "100000", "-1", "+1", " 1",
                           "1 ", "1e3", "0x50", "8o", "80:80"}) {
    INFO(none);
    CHECK(base::parse_port(none) == 0);
  }
}
