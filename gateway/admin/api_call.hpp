// The small parts the routes of Api share. Seen only by api*.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/answer.hpp"
#include "admin/api.hpp"
#include "admin/basis.hpp"
#include "admin/json_body.hpp"

namespace canary::admin {

/// One request on its way through a route.
struct Api::Call {
  const net::HttpRequest& request;
  std::vector<std::string> path;
  net::Respond respond;

  void fail(int status, std::string_view code, std::string_view message) const {
    respond(failure(status, code, message));
  }
};

/// "*" in the pattern stands for any one segment that is not empty.
struct Api::Route {
  std::vector<std::string_view> pattern;
  std::string_view method;
  void (Api::*run)(const Call&);
  bool observable = false;  // also on the observe listener

  bool matches(const std::vector<std::string>& path) const;
};

/// "by" and "reason" of a body; both are needed when `required`.
base::Result<rollout::Actor> read_actor(const JsonBody& body, bool required);

/// What the control plane refused, as an answer.
net::HttpResponse refused(const control::Outcome& outcome);

}  // namespace canary::admin
