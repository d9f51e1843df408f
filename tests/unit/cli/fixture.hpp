// A server in a gateway's place that answers what it is told to, and a screen to look at.
#pragma once

#include <mutex>
#include <sstream>
#include <string>

#include "cli/commands.hpp"
#include "support/raw_client.hpp"

namespace canary::test {

// A server that remembers what it was asked and answers what it is told to.
class FakeAdmin {
 public:
  FakeAdmin(int status, std::string body, std::string looked = {})
      : server_(
            [this, status, body, looked](const net::HttpRequest& request, net::Respond respond) {
              if (!looked.empty() && request.method == "GET") {
                net::HttpResponse response;
                response.body = looked;
                return respond(response);
              }
              {
                const std::lock_guard lock(mutex_);
                asked_ = request.method + " " + request.path +
                         (request.query.empty() ? "" : "?" + request.query) + " " + request.body;
                authorization_ = request.header("authorization");
                content_type_ = request.header("content-type");
                key_ = request.header("idempotency-key");
              }
              net::HttpResponse response;
              response.status = status;
              response.body = body;
              respond(response);
            }) {}
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port); }
  std::string asked() { return get(asked_); }
  std::string authorization() { return get(authorization_); }
  std::string content_type() { return get(content_type_); }
  std::string key() { return get(key_); }

 private:
  std::string get(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return what;
  }
  std::mutex mutex_;
  std::string asked_, authorization_, content_type_, key_;
  RunningServer server_;
};

struct Screen {
  std::ostringstream out, err;
  cli::Terminal terminal{out, err, false, {}};
};

template <class O>
O options(const FakeAdmin& admin) {
  O made;
  made.admin = admin.url();
  return made;
}

inline const std::string flag_answer =
    R"({"rollout_percentage":5,"effective":5,"limited_by":"flag","durable":true})";
inline const std::string command_answer =
    R"({"model":"m","weight":{"effective":0,"limited_by":"cap"},"durable":true})";

inline const std::string no_models = R"({"config":{},"models":[],"gateway":{}})";

}  // namespace canary::test
