#include "http/build_head.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "support/built.hpp"

namespace canary::http {
namespace {

using test::built;

constexpr HeadLimits limits;

std::string request(const std::string& raw, bool trusted = false) {
  static ParsedRequestHead head;
  REQUIRE_FALSE(head.parse(raw, limits));
  return built(build_request_head, head,
               {.host = "127.0.0.1:9001",
                .client_address = "10.0.0.9",
                .port = "80",
                .request_id = "id-1",
                .trust_forwarded = trusted});
}

const std::string added =
    "Via: 1.1 canary-gateway\r\n"
    "X-Forwarded-For: 10.0.0.9\r\n"
    "X-Forwarded-Proto: http\r\n"
    "X-Forwarded-Host: a\r\n"
    "X-Forwarded-Port: 80\r\n"
    "X-Request-Id: id-1\r\n";

std::string response(const std::string& raw, const ForwardedResponse& forwarded,
                     bool to_head = false) {
  static ResponseHead head;
  REQUIRE_FALSE(head.parse(raw, to_head, limits));
  return built(build_response_head, head, forwarded);
}

}  // namespace

TEST_CASE("A request head for the upstream is built anew") {
  CHECK(request("POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\nA:  b \r\nC: d\r\n"
                "Inference-Header-Content-Length: 5\r\n\r\n") ==
        "POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nA: b\r\nC: d\r\n"
        "Inference-Header-Content-Length: 5\r\n" +
            added + "Content-Length: 12\r\n\r\n");
  CHECK(request("GET http://a HTTP/1.1\r\nHost: other\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added + "\r\n");
  CHECK(request("GET http://a?q HTTP/1.1\r\nHost: other\r\n\r\n") ==
        "GET /?q HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added + "\r\n");
  CHECK(request("GET /? HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "GET /? HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added + "\r\n");
  CHECK(request("POST / HTTP/1.1\r\nHost: a\r\nEXPECT: 100-continue\r\n"
                "transfer-encoding:CHUNKED\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added +
            "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(request("GET / HTTP/1.0\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nVia: 1.0 canary-gateway\r\n"
        "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n"
        "X-Request-Id: id-1\r\n\r\n");
}

TEST_CASE("Fields that belong to the client's connection end at the gateway") {
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\n"
                "Connection: keep-alive, Upgrade, HTTP2-Settings, X-Hop\r\n"
                "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\n"
                "Trailer: X-Sum\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
                "Proxy-Authorization: Basic x\r\nProxy-Authenticate: Basic\r\n"
                "Proxy-Authentication-Info: x\r\nx-hop: 1\r\nX-Hop: 2\r\nX-Hop-2: 3\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nX-Hop-2: 3\r\n" + added + "\r\n");
}

TEST_CASE("A name that reads like the gateway's own where _ is - goes no further") {
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: x\r\n"
                "X_Real_IP: 6.6.6.6\r\nX_Request_Id: x\r\nContent_Length: 9\r\n"
                "Transfer_Encoding: chunked\r\nx_custom: 1\r\nX_Model_Version: 2\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nx_custom: 1\r\nX_Model_Version: 2\r\n" + added +
            "\r\n");
}

TEST_CASE("Max-Forwards leaves one lower, where it counts") {
  CHECK(request("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 05\r\nmax-forwards: 9\r\n\r\n") ==
        "TRACE / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nMax-Forwards: 8\r\n" + added + "\r\n");
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nMax-Forwards: 5\r\n" + added + "\r\n");
}

TEST_CASE("The Connection field cannot take away what the gateway or the upstream relies on") {
  CHECK(request("POST / HTTP/1.1\r\nHost: a\r\n"
                "Connection: host, content-length, x-request-id, x-forwarded-for, forwarded\r\n"
                "Connection: authorization, cookie, content-type, traceparent, via\r\n"
                "Content-Length: 3\r\nAuthorization: Bearer t\r\nCookie: a=b\r\n"
                "Content-Type: text/plain\r\nTraceparent: 00-1-2-01\r\nVia: 1.1 x\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAuthorization: Bearer t\r\nCookie: a=b\r\n"
        "Content-Type: text/plain\r\nTraceparent: 00-1-2-01\r\nVia: 1.1 x\r\n" +
            added + "Content-Length: 3\r\n\r\n");
}

TEST_CASE("Only a trusted peer says where a request came from") {
  const std::string raw =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3"
      "\r\nX-Forwarded-For:\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: site\r\n"
      "X-Forwarded-Port: 443\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"
      "X-Request-Id: mine\r\n\r\n";
  CHECK(request(raw) == "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added + "\r\n");
  CHECK(request(raw, true) ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nX-Forwarded-Proto: https\r\n"
        "X-Forwarded-Host: site\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 1.1.1.1\r\n"
        "Forwarded: for=1.1.1.1\r\nVia: 1.1 canary-gateway\r\n"
        "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9\r\nX-Request-Id: id-1\r\n\r\n");
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true) ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + added + "\r\n");
}

TEST_CASE("X-Forwarded-Port never stands beside a scheme or host that a trusted peer has said") {
  const auto port = [](const std::string& fields, bool trusted) {
    static ParsedRequestHead head;
    const std::string built = request("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", trusted);
    REQUIRE_FALSE(head.parse(built, limits));
    std::string found;
    for (const Field& field : head.fields())
      if (field.name == "X-Forwarded-Port") (found += found.empty() ? "" : ",") += field.value;
    return found;
  };
  CHECK(port("", false) == "80");
  CHECK(port("X-Forwarded-Port: 1\r\nX-Forwarded-Proto: https\r\n", false) == "80");
  CHECK(port("X-Forwarded-For: 1.1.1.1\r\n", true) == "80");
  CHECK(port("X-Forwarded-Port: 1\r\n", true) == "1");
  CHECK(port("X-Forwarded-Port: 1\r\nX-Forwarded-Proto: https\r\n", true) == "1");
  CHECK(port("X-Forwarded-Proto: https\r\n", true) == "");
  CHECK(port("X-Forwarded-Host: b\r\n", true) == "");
}

TEST_CASE("A response head for the client is built anew") {
  CHECK(response("HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 007\r\nSet-Cookie: a\r\n"
                 "Set-Cookie: b\r\nX-Request-Id: theirs\r\nX-Model-Version: theirs\r\n\r\n",
                 {.request_id = "id-1", .model_version = "m_v1", .date = "now"}) ==
        "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
        "X-Request-Id: id-1\r\nX-Model-Version: m_v1\r\nContent-Length: 7\r\nDate: now\r\n\r\n");
  CHECK(response("HTTP/1.1 200 \xff\r\nDate: theirs\r\nContent-Length: 7\r\n\r\n",
                 {.request_id = "id-1", .date = "now", .close = true}) ==
        "HTTP/1.1 200 \r\nDate: theirs\r\nX-Request-Id: id-1\r\nContent-Length: 7\r\n"
        "Connection: close\r\n\r\n");
  CHECK(response("HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: x\r\n"
                 "Proxy-Authenticate: x\r\nTrailer: y\r\nUpgrade: h2\r\nTE: x\r\n"
                 "Transfer-Encoding: Chunked\r\n\r\n",
                 {.chunked = true}) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("A body without a length leaves chunked, or with the end of the connection") {
  const std::string close = "HTTP/1.1 200 OK\r\n\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& raw : {close, chunked}) {
    CHECK(response(raw, {.chunked = true}) == chunked);
    CHECK(response(raw, {.close = true, .chunked = true}) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    CHECK(response(raw, {}) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    CHECK(response(raw, {.to_http_1_0 = true, .chunked = true}) ==
          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  }
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
                 {.to_http_1_0 = true, .chunked = true}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("A response without a body keeps a length only where it tells of another response") {
  const std::string fields = "Content-Length: 007\r\n\r\n", restated = "Content-Length: 7\r\n\r\n";
  CHECK(response("HTTP/1.1 200 OK\r\n" + fields, {}, true) == "HTTP/1.1 200 OK\r\n" + restated);
  CHECK(response("HTTP/1.1 304 NM\r\n" + fields, {}) == "HTTP/1.1 304 NM\r\n" + restated);
  CHECK(response("HTTP/1.1 204 NC\r\n" + fields, {}) == "HTTP/1.1 204 NC\r\n\r\n");
  CHECK(response("HTTP/1.1 200 OK\r\n\r\n", {}, true) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(response("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", {.date = "now", .close = true}) ==
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
}

TEST_CASE("The gateway's own answers are complete messages") {
  CHECK(built(build_own_response, {.status = 503,
                                   .body = "{}",
                                   .request_id = "id-1",
                                   .model_version = "m_v1",
                                   .date = "now",
                                   .extra = "Retry-After: 1\r\n",
                                   .close = true}) ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\nDate: now\r\nX-Request-Id: id-1\r\nX-Model-Version: m_v1\r\n"
        "Retry-After: 1\r\nConnection: close\r\n\r\n{}");
  CHECK(built(build_own_response, {.status = 404, .body = "{}", .to_head = true}) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
  CHECK(built(build_own_response, {.status = 200, .content_type = "a/b", .to_http_1_0 = true}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 0\r\n"
        "Connection: keep-alive\r\n\r\n");
  CHECK(built(build_own_response, {.status = 100}) == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("An error body is JSON whatever it quotes") {
  std::string out;
  append_error_body(out, "bad_request", "a \"quote\"\n", "id-1");
  CHECK(out == R"({"error":{"code":"bad_request","message":"a \"quote\"\n","request_id":"id-1"}})");
}

TEST_CASE("A request id is taken from a client only when it is sane") {
  CHECK(sane_request_id("a"));
  CHECK(sane_request_id("AZaz09._:-"));
  CHECK(sane_request_id(std::string(128, 'x')));
  CHECK_FALSE(sane_request_id(""));
  CHECK_FALSE(sane_request_id(std::string(129, 'x')));
  for (int c = 0; c < 256; ++c) {
    const std::string id(1, static_cast<char>(c));
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' || c == '-';
    CHECK(sane_request_id(id) == (letter || other));
  }
}

TEST_CASE("Every status that the gateway answers has its reason phrase") {
  for (const int status :
       {200, 400, 404, 408, 413, 414, 417, 421, 429, 431, 499, 500, 501, 502, 503, 504, 505}) {
    INFO(status);
    CHECK((reason_phrase(static_cast<std::uint16_t>(status)) == "Unknown") == (status == 499));
  }
  CHECK(reason_phrase(0) == "Unknown");
}

}  // namespace canary::http
