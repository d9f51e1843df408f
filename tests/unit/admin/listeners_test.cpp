#include "admin/listeners.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <future>

#include "admin/token.hpp"
#include "support/raw_client.hpp"
#include "unit/admin/fixture.hpp"

using namespace canary;
using test::FakeGateway;
using test::RawClient;

namespace {

const std::string token = "0123456789abcdef0123456789abcdef";

// A file that lives as long as the test.
class TempFile {
 public:
  TempFile(const std::string& text, std::filesystem::perms mode) {
    std::string name = std::filesystem::temp_directory_path() / "admin-token-XXXXXX";
    ::close(::mkstemp(name.data()));
    path = name;
    std::ofstream(path) << text;
    std::filesystem::permissions(path, mode);
  }
  ~TempFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

constexpr auto owner_only =
    std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

// Both listeners on a thread of their own.
class Running {
 public:
  explicit Running(config::Admin admin = {}) {
    admin.listen.port = 0;
    config::Observe observe;
    observe.listen = {"127.0.0.1", 0};
    listeners_ = admin::Listeners::open(io_, admin, observe, gateway.backend(), clock_).value();
    port = listeners_->admin_port();
    observe_port = listeners_->observe_port().value();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { listeners_.reset(); });
    work_.reset();
    thread_.join();
  }

  /// One request; `head` are the lines behind the request line, without Host unless given there.
  std::string ask(const std::string& line, const std::string& head, const std::string& body = {},
                  bool observe = false) {
    RawClient client(observe ? observe_port : port);
    client.send(line + " HTTP/1.1\r\n" + head + "Content-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n\r\n" + body);
    return client.read_to_end();
  }
  std::string host() const { return "Host: 127.0.0.1:" + std::to_string(port) + "\r\n"; }
  int status(const std::string& answer) const { return std::stoi(answer.substr(9, 3)); }

  FakeGateway gateway;
  unsigned short port = 0, observe_port = 0;

 private:
  base::ManualClock clock_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<admin::Listeners> listeners_;
  std::thread thread_;
};

const std::string json_type = "Content-Type: application/json\r\n";
const std::string put_flag = "PUT /internal/flags/comp-critic_v2";
const std::string zero = R"({"rollout_percentage":0})";

}  // namespace

TEST_CASE("only our own names in Host are answered, on every route") {
  config::Admin admin;
  admin.allowed_hosts = {"gateway.example", "proxy.example:443"};
  Running running(admin);
  const std::string port = std::to_string(running.port);
  struct Row {
    std::string host;
    int status;
  };
  const std::vector<Row> rows = {
      {"127.0.0.1:" + port, 200},
      {"localhost:" + port, 200},
      {"LocalHost:" + port, 200},
      {"[::1]:" + port, 200},
      {"gateway.example", 200},
      {"gateway.example:" + port, 200},
      {"proxy.example:443", 200},
      {"evil.example:" + port, 421},
      {"127.0.0.1", 200},
      {"127.0.0.1:1", 200},
      {"localhost.evil:" + port, 421},
      {"", 421},
      // a tunnel has a port of its own; what is named with a port has that one alone
      {"localhost:19901", 200},
      {"localhost.:" + port, 200},
      {"[::1]:19901", 200},
      {"127.5.6.7:1", 200},
      {"gateway.example:19901", 200},
      {"gateway.example.", 200},
      {"proxy.example", 421},
      {"proxy.example:" + port, 421},
      {"evil.localhost", 421},
      {"localhost:x@evil", 421},
      {"127.0.0.1.evil.example", 421},
      {"[::2]:" + port, 421},
  };
  for (const auto& row : rows)
    for (const std::string path :
         {"/internal/status", "/metrics", "/internal/flags", "/internal/model-version"}) {
      INFO(row.host << " " << path);
      CHECK(running.status(running.ask("GET " + path, "Host: " + row.host + "\r\n")) == row.status);
    }
}

TEST_CASE("a prober needs no name of ours") {
  Running running;
  for (const std::string path : {"/internal/healthz", "/internal/readyz"})
    for (const std::string host : {"Host: 10.1.2.3:9901\r\n", "Host: evil.example\r\n"})
      CHECK(running.status(running.ask("GET " + path, host)) != 421);
}

TEST_CASE("another site's page can neither ask nor change anything") {
  Running running;
  const std::string own = "Origin: http://localhost:" + std::to_string(running.port) + "\r\n";
  struct Row {
    std::string head;
    int status;
  };
  const std::vector<Row> rows = {
      {json_type, 200},
      {json_type + own, 200},
      {"Content-Type: application/json; charset=utf-8\r\n", 200},
      {json_type + "Sec-Fetch-Site: same-origin\r\n", 200},
      {json_type + "Origin: https://evil.example\r\n", 403},
      {json_type + "Origin: null\r\n", 403},
      {json_type + "Origin: http://localhost:1\r\n", 403},
      {json_type + "Origin: http://127.0.0.1:1\r\n", 403},
      {json_type + "Origin: http://127.0.0.1\r\n", 403},
      {json_type + "Origin: https://localhost\r\n", 403},
      {json_type + own + "Origin: https://evil.example\r\n", 403},
      {json_type + "Sec-Fetch-Site: cross-site\r\n", 403},
      {"Content-Type: text/plain\r\n", 415},
      {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
      {"Content-Type: application/jsonp\r\n", 415},
      {"", 415},
  };
  std::size_t allowed = 0;
  for (const auto& row : rows) {
    INFO(row.head);
    CHECK(running.status(running.ask(put_flag, running.host() + row.head, zero)) == row.status);
    if (row.status == 200) ++allowed;
  }
  CHECK(running.status(running.ask("GET /internal/status",
                                   running.host() + "Sec-Fetch-Site: cross-site\r\n")) == 403);
  CHECK(running.status(running.ask("POST /internal/reload", running.host(), "")) == 415);
  CHECK(running.status(running.ask("DELETE /internal/flags/comp-critic_v2", running.host())) ==
        415);
  running.stop();
  CHECK(running.gateway.commands.size() == allowed);
}

TEST_CASE("GET never changes anything") {
  Running running;
  for (const std::string path :
       {"/internal/flags/comp-critic_v2?rollout_percentage=0", "/internal/reload",
        "/internal/rollouts/comp-critic/rollback?by=a&reason=b"})
    running.ask("GET " + path, running.host() + json_type, zero);
  running.stop();
  CHECK(running.gateway.commands.empty());
}

TEST_CASE("with a token file every route but the probes needs the token") {
  TempFile file(token + "\n", owner_only);
  config::Admin admin;
  admin.token_file = file.path;
  Running running(admin);
  const auto ask = [&](const std::string& line, const std::string& authorization) {
    return running.ask(line, running.host() + json_type + authorization, zero);
  };
  const std::string good = "Authorization: Bearer " + token + "\r\n";
  CHECK(running.status(ask("GET /internal/status", good)) == 200);
  CHECK(running.status(ask("GET /metrics", "authorization: bearer " + token + "\r\n")) == 200);
  CHECK(running.status(ask("GET /internal/healthz", "")) == 200);
  CHECK(running.status(ask("GET /internal/readyz", "")) == 200);
  const std::string refused = ask("GET /internal/status", "");
  CHECK(running.status(refused) == 401);
  CHECK(refused.find("WWW-Authenticate: Bearer realm=\"canary-gateway\"\r\n") != std::string::npos);
  for (const std::string wrong : {"Authorization: Bearer \r\n", "Authorization: Bearer 0123\r\n",
                                  "Authorization: Basic 0123456789abcdef0123456789abcdef\r\n",
                                  "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n",
                                  "Authorization: Bearer 0123456789abcdef0123456789abcdef0\r\n"})
    for (const std::string& line : {std::string("GET /metrics"), put_flag}) {
      INFO(wrong << line);
      const int status = running.status(ask(line, wrong));
      CHECK((status == 401 || status == 429));
    }
  CHECK(running.status(ask(put_flag, good)) == 200);
  running.stop();
  CHECK(running.gateway.commands.size() == 1);
}

TEST_CASE("failures are braked, and the right token still gets in") {
  TempFile file(token, owner_only);
  config::Admin admin;
  admin.token_file = file.path;
  Running running(admin);
  for (int i = 0; i < 10; ++i)
    CHECK(running.status(running.ask("GET /internal/status", running.host())) == 401);
  const std::string braked = running.ask("GET /internal/status", running.host());
  CHECK(running.status(braked) == 429);
  CHECK(braked.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(running.status(running.ask("GET /internal/status",
                                   running.host() + "Authorization: Bearer " + token + "\r\n")) ==
        200);
}

TEST_CASE("the brake lets one failure a second through again") {
  admin::FailureBrake brake;
  base::MonoTime now{std::chrono::hours(1)};
  for (int i = 0; i < 10; ++i) CHECK(brake.allows(now));
  CHECK_FALSE(brake.allows(now));
  now += std::chrono::seconds(1);
  CHECK(brake.allows(now));
  CHECK_FALSE(brake.allows(now));
}

TEST_CASE("off loopback the listeners refuse to open without a token file") {
  FakeGateway gateway;
  base::ManualClock clock;
  boost::asio::io_context io;
  config::Admin admin;
  admin.listen = {"0.0.0.0", 0};
  auto refused = admin::Listeners::open(io, admin, std::nullopt, gateway.backend(), clock);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message() ==
        "admin.listen 0.0.0.0:0 is not a loopback address: set admin.token_file");
  TempFile file(token, owner_only);
  admin.token_file = file.path;
  CHECK(admin::Listeners::open(io, admin, std::nullopt, gateway.backend(), clock).has_value());
}

TEST_CASE("every answer forbids caching and sniffing") {
  Running running;
  for (const std::string line : {"GET /internal/status", "GET /nothing", "POST /metrics"}) {
    const std::string answer = running.ask(line, running.host());
    CHECK(answer.find("Cache-Control: no-store\r\n") != std::string::npos);
    CHECK(answer.find("X-Content-Type-Options: nosniff\r\n") != std::string::npos);
  }
}

TEST_CASE("the observe listener serves the probes and the metrics to anyone, and nothing else") {
  TempFile file(token, owner_only);
  config::Admin admin;
  admin.token_file = file.path;
  Running running(admin);
  const std::string any = "Host: 10.0.0.5:9902\r\n";
  for (const std::string path : {"/metrics", "/internal/healthz", "/internal/readyz"})
    CHECK(running.status(running.ask("GET " + path, any, "", true)) == 200);
  for (const std::string line :
       {"GET /internal/status", "GET /internal/model-version", "GET /internal/flags",
        "POST /internal/reload", "PUT /internal/flags/comp-critic_v2"})
    CHECK(running.status(running.ask(line, any + json_type, zero, true)) == 404);
  CHECK(running.status(running.ask("POST /metrics", any, "", true)) == 405);
  running.stop();
  CHECK(running.gateway.commands.empty());
}
