#include "http/upgrade.hpp"

#include <catch2/catch.hpp>

#include <string>
#include "support/built.hpp"

#include "http/build_head.hpp"

namespace canary::http {
namespace {

/// What is told to the upstream of a request with these fields: "(none)" for no Upgrade.
std::string told(const std::string& fields, const std::string& line = "GET / HTTP/1.1") {
  static ParsedRequestHead head;
  const std::string raw = line + "\r\nHost: a\r\n" + fields + "\r\n";
  REQUIRE_FALSE(head.parse(raw, {}));
  const auto out = test::built(build_request_head, head,
                               {.host = "up", .client_address = "10.0.0.9", .request_id = "id"});
  const auto at = out.find("Connection: upgrade\r\nUpgrade: ");
  CHECK((out.find("pgrade") == out.npos) == head.upgrade.empty());
  CHECK(out.find("ettings") == out.npos);
  if (head.upgrade.empty()) return "(none)";
  REQUIRE(at != out.npos);
  const auto value = at + std::string("Connection: upgrade\r\nUpgrade: ").size();
  return out.substr(value, out.find("\r\n", value) - value);
}

std::string switched(const std::string& head_text, std::string_view offered) {
  static ResponseHead head;
  const std::string raw = head_text + "\r\n";
  REQUIRE_FALSE(head.parse(raw, false, {}));
  return std::string(switched_protocol(head, offered));
}

}  // namespace

TEST_CASE("An upstream is told what may be switched to, and nothing that is HTTP again") {
  const std::string asks = "Connection: Upgrade\r\n";
  const std::pair<std::string, std::string> table[] = {
      {asks + "Upgrade: websocket\r\n", "websocket"},
      {"Upgrade: websocket\r\nconnection: keep-alive, uPGRADE\r\n", "websocket"},
      {asks + "Upgrade:  foo/2 ,, WebSocket \r\n", "foo/2, WebSocket"},
      {asks + "Upgrade: h2c, websocket\r\nHTTP2-Settings: AAA\r\n", "websocket"},
      {asks + "Upgrade: websocket, H2C\r\n", "websocket"},
      {asks + "Content-Length: 0\r\nUpgrade: websocket\r\n", "websocket"},
      {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n", "(none)"},
      {asks + "Upgrade: HTTP/2.0, TLS/1.0, h2, h3\r\n", "(none)"},
      {asks, "(none)"},
      {asks + "Upgrade:\r\n", "(none)"},
      {asks + "Upgrade: ,\r\n", "(none)"},
      {"Upgrade: websocket\r\n", "(none)"},
      {"Connection: keep-alive\r\nUpgrade: websocket\r\n", "(none)"},
      {asks + "Upgrade: websocket\r\nUpgrade: websocket\r\n", "(none)"},
      {asks + "Upgrade: websocket\r\nUpgrade: h2c\r\n", "(none)"},
      {asks + "Upgrade: web socket\r\n", "(none)"},
      {asks + "Upgrade: websocket;q=1\r\n", "(none)"},
      {asks + "Upgrade: a/b/c\r\n", "(none)"},
      {asks + "Upgrade: /1\r\n", "(none)"},
      {asks + "Upgrade: websocket/\r\n", "(none)"},
      {asks + "Upgrade: websocket\r\nContent-Length: 1\r\n", "(none)"},
      {asks + "Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n", "(none)"},
  };
  for (const auto& [fields, expected] : table) {
    CAPTURE(fields);
    CHECK(told(fields) == expected);
  }
  CHECK(told(asks + "Upgrade: websocket\r\n", "GET / HTTP/1.0") == "(none)");
  CHECK(told("") == "(none)");  // what was parsed before does not stay
}

TEST_CASE("A 101 is one to act on when it switches to one protocol of those offered") {
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::string says = line + "Connection: Upgrade\r\n";
  CHECK(switched(says + "Upgrade: websocket\r\n", "websocket") == "websocket");
  CHECK(switched(says + "Upgrade: WebSocket\r\n", "foo, websocket") == "WebSocket");
  CHECK(switched(says + "Upgrade: foo/2\r\n", "foo/1, foo/2") == "foo/2");
  const std::string refused[] = {
      says + "Upgrade: foo\r\n",
      says + "Upgrade: foo/3\r\n",
      says + "Upgrade: websocket, foo/1\r\n",
      says + "Upgrade: websocket\r\nUpgrade: websocket\r\n",
      says + "Upgrade:\r\n",
      says,
      says + "Upgrade: h2c\r\n",
      line + "Upgrade: websocket\r\n",
      line + "Connection: close\r\nUpgrade: websocket\r\n",
      "HTTP/1.0 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
      "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"};
  for (const auto& head : refused) {
    CAPTURE(head);
    CHECK(switched(head, "h2c, websocket, foo/1") == "");
  }
  CHECK(switched(says + "Upgrade: websocket\r\n", "") == "");
}

TEST_CASE("A 101 for the client is built anew, without framing") {
  static ResponseHead head;
  REQUIRE_FALSE(
      head.parse("HTTP/1.1 101 Switching Protocols\r\nConnection: X-Hop, upgrade\r\n"
                 "X-Hop: 1\r\nUPGRADE: websocket\r\nSec-WebSocket-Accept: x\r\n"
                 "Content-Length: 5\r\n\r\n",
                 false, {}));
  const auto out = test::built(
      build_response_head, head,
      {.request_id = "id-1", .model_version = "m_v1", .date = "now", .upgrade = "websocket"});
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nX-Request-Id: id-1\r\n"
        "X-Model-Version: m_v1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

}  // namespace canary::http
