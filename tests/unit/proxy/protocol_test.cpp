// HTTP between client and gateway, and between gateway and upstream.
#include <catch2/catch.hpp>
#include <set>

#include "support/running_worker.hpp"

namespace canary::proxy {
namespace {

using namespace test;

// Answers with the target that was asked for.
void echo_target(Peer& peer) {
  for (Message request; !(request = peer.request()).head.empty();) {
    const std::string line = request.start_line();
    peer.wire.send(ok(line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1)));
  }
}

/// 127.0.0.0/8.
config::AddressBlock any_loopback() {
  config::AddressBlock block;
  block.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0};
  block.prefix_bits = 96 + 8;
  return block;
}

}  // namespace

TEST_CASE("Pipelined requests are answered in order, over one upstream connection") {
  Upstream upstream(echo_target);
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/1") + post("/2", "body") + get("/internal/nothing") + "\r\n" + get("/3"));
  CHECK(read_message(client).body == "/1");
  CHECK(read_message(client).body == "/2");
  CHECK(read_message(client).status() == 404);
  CHECK(read_message(client).body == "/3");
  CHECK(upstream.connections() == 1);
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{"ok 200", 3}});
}

TEST_CASE("Nothing behind a request that ends the connection is served") {
  Upstream upstream(echo_target);
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/1", "Connection: close\r\n") + get("/2"));
  const Message answer = read_message(client);
  CHECK(answer.body == "/1");
  CHECK(answer.field("Connection") == "close");
  CHECK_FALSE(client.receive());
  CHECK(upstream.seen().size() == 1);
}

TEST_CASE("A sane request id is taken over, another one replaced; both ends see the same") {
  Upstream upstream(always(ok("x", "X-Request-Id: from-upstream\r\n")));
  RunningWorker gateway(one_model(upstream.port));
  const auto [sent, taken] = GENERATE(table<std::string, bool>({{"a.b:c_d-1", true},
                                                                {std::string(128, 'x'), true},
                                                                {std::string(129, 'x'), false},
                                                                {"two words", false},
                                                                {"", false}}));
  const Message answer = Client(gateway.port).ask(get("/", "X-Request-Id: " + sent + "\r\n"));
  const std::string id = answer.field("X-Request-Id");
  CHECK((id == sent) == taken);
  CHECK(id.size() >= (taken ? 1 : 36));
  CHECK(answer.count("X-Request-Id") == 1);
  CHECK(upstream.seen()[0].field("X-Request-Id") == id);
  CHECK(upstream.seen()[0].count("X-Request-Id") == 1);
}

TEST_CASE("X-Forwarded-* is the gateway's own word, but for trusted proxies") {
  Upstream upstream(always(ok("x")));
  config::Config config = one_model(upstream.port);
  const bool trusted = GENERATE(false, true);
  if (trusted) config.data.trusted_proxies = {any_loopback()};
  RunningWorker gateway(config);
  Client(gateway.port)
      .ask(get("/",
               "X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Host: shop\r\nForwarded: for=10.0.0.7\r\nX-Real-IP: 10.0.0.7\r\n"));
  const Message seen = upstream.seen()[0];
  CHECK(seen.field("X-Forwarded-For") == (trusted ? "10.0.0.7, 127.0.0.1" : "127.0.0.1"));
  CHECK(seen.field("X-Forwarded-Proto") == (trusted ? "https" : "http"));
  CHECK(seen.field("X-Forwarded-Host") == (trusted ? "shop" : "gw"));
  CHECK(seen.field("Forwarded") == (trusted ? "for=10.0.0.7" : "(none)"));
  CHECK(seen.field("X-Real-IP") == (trusted ? "10.0.0.7" : "(none)"));
  CHECK(seen.field("Host") == "gw");
}

TEST_CASE("traceparent passes, hop-by-hop fields and X-Canary's kin do not change the version") {
  Upstream upstream(always(ok("x", "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n")));
  RunningWorker gateway(one_model(upstream.port));
  const Message answer = Client(gateway.port)
                             .ask(get("/",
                                      "traceparent: 00-1-2-01\r\nConnection: X-Mine\r\n"
                                      "X-Mine: 1\r\nUpgrade: h2c\r\nTE: trailers\r\n"));
  CHECK(upstream.seen()[0].field("traceparent") == "00-1-2-01");
  for (const char* name : {"X-Mine", "Upgrade", "TE", "Connection"})
    CHECK(upstream.seen()[0].field(name) == "(none)");
  CHECK(answer.field("X-Hop") == "(none)");
  CHECK(answer.field("Keep-Alive") == "(none)");
  CHECK(answer.field("X-Model-Version") == "m_v1");
}

TEST_CASE("The client of a trusted proxy is the last it names, in however many lines") {
  Upstream stable(always(ok("stable"))), canary(always(ok("canary")));
  config::Config config = one_model(stable.port, canary.port);
  config.data.trusted_proxies = {any_loopback()};
  config.models[0].sticky = {{config::StickySource::Kind::client_address, {}}};
  RunningWorker gateway(config, 5000);
  Client client(gateway.port);
  const std::string own = "X-Forwarded-For: 198.51.100.1\r\n";
  std::set<std::string> versions;
  for (int i = 0; i < 32; ++i) {
    const std::string address = "10.0.0." + std::to_string(i);
    const std::string version = client.ask(get("/", "X-Forwarded-For: " + address + "\r\n")).body;
    versions.insert(version);
    CHECK(client.ask(get("/", own + "X-Forwarded-For: " + address + "\r\n")).body == version);
    CHECK(client.ask(get("/", "X-Forwarded-For: 198.51.100.1, " + address + "\r\n")).body ==
          version);
    CHECK(client.ask(get("/", "X-Forwarded-For: " + address + "\r\nX-Forwarded-For: \r\n")).body ==
          version);
  }
  CHECK(versions.size() == 2);
}

TEST_CASE("100 Continue is said once, when the body is wanted, and Expect goes no further") {
  Upstream upstream(always(ok("done")));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send("POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  Message interim;
  REQUIRE(read_head(client, interim));
  CHECK(interim.head == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  CHECK(read_message(client).start_line() == "HTTP/1.1 200 OK");
  REQUIRE(upstream.saw(1));
  CHECK(upstream.seen()[0].field("Expect") == "(none)");
  CHECK(upstream.seen()[0].body == "body");
  // A body that is there already needs no invitation.
  CHECK(client.ask(post("/", "body", "Expect: 100-continue\r\n")).status() == 200);
}

TEST_CASE("1xx does not extend first_byte") {
  Upstream upstream([](Peer& peer) {
    peer.request();
    while (peer.wire.send("HTTP/1.1 102 Processing\r\n\r\n") && peer.wire.quiet_for(50ms)) {
    }
  });
  config::Config config = one_model(upstream.port);
  config.models[0].timeouts.first_byte = soon;
  RunningWorker gateway(config);
  const Message answer = Client(gateway.port).ask(get("/"));
  CHECK(answer.status() == 504);
  CHECK(answer.body.find("upstream_first_byte_timeout") != std::string::npos);
  CHECK(gateway.stable().by_outcome ==
        std::map<std::string, std::uint64_t>{{"timeout_first_byte", 1}});
}

TEST_CASE("1xx goes on to a client that knows of it, but for 100, which is the gateway's to say") {
  Upstream upstream(
      always("HTTP/1.1 100 Continue\r\n\r\n"
             "HTTP/1.1 103 Early\r\nLink: </a>\r\nConnection: X\r\nX: 1\r\n\r\n" +
             ok("done")));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send(get("/"));
  Message interim;
  REQUIRE(read_head(client, interim));
  CHECK(interim.head == "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n");
  CHECK(read_message(client).body == "done");
  Client old(gateway.port);
  old.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(read_message(old).status() == 200);
}

TEST_CASE("OPTIONS that may go no further is answered here, and TRACE is not") {
  Upstream upstream(always(ok("x")));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  const std::string end = " HTTP/1.1\r\nHost: gw\r\nMax-Forwards: 0\r\n\r\n";
  CHECK(client.ask("OPTIONS /x" + end).head.starts_with("HTTP/1.1 204 "));
  CHECK(client.ask("TRACE /x" + end).status() == 501);
  CHECK(upstream.seen().empty());
  CHECK(client.ask("OPTIONS * HTTP/1.1\r\nHost: gw\r\n\r\n").body == "x");
  CHECK(upstream.seen()[0].start_line() == "OPTIONS * HTTP/1.1");
}

TEST_CASE("Without an upstream the body is not asked for") {
  const RefusingPort refusing;
  RunningWorker gateway(one_model(refusing.port));
  Client client(gateway.port);
  const Message answer = client.ask(
      "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(answer.status() == 502);
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("An HTTP/1.0 client gets no chunks, and is kept only if it asks") {
  const bool asks = GENERATE(false, true);
  const bool chunks = GENERATE(false, true);
  Upstream upstream(
      always(chunks ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("body", 2)
                    : ok("body")));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  const Message answer = client.ask(std::string("GET / HTTP/1.0\r\n") +
                                    (asks ? "Connection: keep-alive\r\n" : "") + "\r\n");
  CHECK(answer.body == "body");
  CHECK(answer.whole);
  CHECK(answer.field("Transfer-Encoding") == "(none)");
  const bool kept = asks && !chunks;  // the end of the body is the end of the connection
  CHECK(answer.field("Connection") == (kept ? "keep-alive" : "close"));
  CHECK((client.send(get("/")) && client.receive()) == kept);
}

TEST_CASE("What cannot be told from an end by an HTTP/1.0 client ends in a reset") {
  Upstream upstream(once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"));
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  client.send("GET / HTTP/1.0\r\n\r\n");
  client.receive_all();
  CHECK(client.was_reset);
}

TEST_CASE("An upstream connection with anything behind its answer is not used again") {
  const auto extra =
      GENERATE(as<std::string>{}, "x", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok(peer.index == 0 ? "first" : "second") + (peer.index == 0 ? extra : ""));
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/")).body == "first");
  CHECK(client.ask(get("/")).body == "second");
  CHECK(upstream.connections() == 2);
}

TEST_CASE("Unasked bytes, or the end, on an idle upstream connection drop it before it is used") {
  const bool ends = GENERATE(false, true);
  Gate idle;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok(peer.index == 0 ? "first" : "second"));
    if (peer.index == 0) {
      idle.wait();
      if (!ends) peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
      if (!ends) peer.wire.receive_all();
    } else {
      peer.wire.receive_all();
    }
  });
  RunningWorker gateway(one_model(upstream.port));
  const traffic::EndpointId id = gateway.table(0)->models[0].stable.endpoints[0].id;
  Client client(gateway.port);
  CHECK(client.ask(post("/", "a")).body == "first");
  idle.open();
  // A POST would not be repeated: so it must not meet the dead connection at all.
  REQUIRE(gateway.eventually([&] {
    return gateway.ask([id](Worker& worker) {
      auto lease = worker.wires().upstreams().take(id);
      const bool there = lease != nullptr;
      if (there) worker.wires().upstreams().put(*lease.release(), 4s, 64);
      return !there;
    });
  }));
  CHECK(client.ask(post("/", "b")).body == "second");
  CHECK(gateway.stable().by_code == std::map<std::string, std::uint64_t>{{"ok 200", 2}});
}

TEST_CASE("Unasked bytes that no event has told of yet are found by a pipelined request") {
  const bool speaks = GENERATE(false, true);
  Gate speak, spoken;
  Upstream upstream([&](Peer& peer) {
    peer.request();
    peer.wire.send(ok("first"));
    speak.wait();
    if (speaks) peer.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
    spoken.open();
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  const traffic::EndpointId id = gateway.table(0)->models[0].stable.endpoints[0].id;
  CHECK(Client(gateway.port).ask(get("/")).body == "first");
  bool taken = false;
  REQUIRE(gateway.eventually([&] {  // it goes back a moment after the client has its answer
    return gateway.ask([&](Worker& worker) {
      auto lease = worker.wires().upstreams().take(id);
      if (!lease) return false;
      worker.wires().upstreams().put(*lease.release(), 4s, 64);
      speak.open();
      spoken.wait();  // the bytes are in the kernel, and the loop has not asked it
      taken = worker.wires().upstreams().take(id) != nullptr;
      return true;
    });
  }));
  CHECK(taken == !speaks);
}

TEST_CASE(
    "An answer that does not end its connection's framing cleanly closes it: 204 with a body") {
  Upstream upstream([](Peer& peer) {
    peer.request();
    peer.wire.send("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody");
    peer.wire.receive_all();
  });
  RunningWorker gateway(one_model(upstream.port));
  Client client(gateway.port);
  CHECK(client.ask(get("/")).status() == 204);
  CHECK(client.ask(get("/")).status() == 204);
  CHECK(client.received.empty());
  CHECK(upstream.connections() == 2);
}

}  // namespace canary::proxy
