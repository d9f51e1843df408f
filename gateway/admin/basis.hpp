// What a command says it was decided on: `expect` in its body, If-Match with the status's ETag
// (RFC 9110, 13.1.1). On the control thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json_body.hpp"
#include "control/controller.hpp"
#include "net/http_server.hpp"

namespace canary::admin {

/// The status's entity tag, in quotes. It is another one exactly when something has changed that a
/// decision rests on: a configuration, a version's name, a weight's term, a phase, a latch, a
/// rollback, a pause; not with what was measured meanwhile.
std::string status_tag(const control::StatusView& status);

/// The tags of an If-Match; `any` for `*`.
struct TagList {
  bool any = false;
  std::vector<std::string> tags;  // strong ones, in quotes: a weak one never matches
};
/// Nothing for what is no If-Match.
std::optional<TagList> parse_if_match(std::string_view value);

/// The error is fit to be shown to whoever sent it.
base::Result<control::Basis> read_basis(const net::HttpRequest& request, const JsonBody& body,
                                        std::function<control::StatusView()> status);

}  // namespace canary::admin
