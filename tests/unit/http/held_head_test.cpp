// A head that is held says what it said, from bytes of its own.
#include <catch2/catch.hpp>
#include <string>

#include "http/request_head.hpp"

namespace canary::http {
namespace {

bool same(const RequestHead& a, const RequestHead& b) {
  const auto fields_are_same = [&] {
    for (std::size_t i = 0; i < a.fields().size(); ++i)
      if (a.fields()[i].name != b.fields()[i].name || a.fields()[i].value != b.fields()[i].value ||
          a.fields()[i].kind != b.fields()[i].kind)
        return false;
    return a.fields().size() == b.fields().size();
  };
  return a.method == b.method && a.target == b.target && a.path == b.path && a.query == b.query &&
         a.authority == b.authority && a.port == b.port && a.upgrade == b.upgrade &&
         a.request_id == b.request_id && a.framing == b.framing &&
         a.content_length == b.content_length && a.max_forwards == b.max_forwards &&
         a.idempotent == b.idempotent && fields_are_same() &&
         a.connection().removes("x-one", FieldKind::plain) ==
             b.connection().removes("x-one", FieldKind::plain);
}

}  // namespace

TEST_CASE("A held head outlives the bytes it was read from") {
  const auto text = GENERATE(as<std::string>{}, "GET / HTTP/1.1\r\nHost: gw\r\n\r\n",
                             "OPTIONS * HTTP/1.1\r\nHost: gw:81\r\nMax-Forwards: 3\r\n\r\n",
                             "GET http://gw:8080?a=b HTTP/1.1\r\nHost: gw:8080\r\n\r\n",
                             "POST /a/b?c=d HTTP/1.1\r\nHost: gw\r\nConnection: x-one, close\r\n"
                             "X-One: 1\r\nX-Request-Id: id-7\r\nContent-Length: 12\r\n\r\n",
                             "GET /ws HTTP/1.1\r\nHost: gw\r\nConnection: upgrade\r\n"
                             "Upgrade: websocket\r\n\r\n",
                             "GET / HTTP/1.0\r\n\r\n");
  CAPTURE(text);
  ParsedRequestHead parsed, expected;
  std::string gone = text;
  REQUIRE_FALSE(parsed.parse(gone, {}));
  REQUIRE_FALSE(expected.parse(text, {}));
  const HeldRequestHead held(parsed, gone);
  gone.assign(gone.size(), '?');
  parsed = {};
  CHECK(same(held, expected));
  CHECK(held.find("host") == expected.find("host"));
}

}  // namespace canary::http
