// Who may speak to the admin listener: the rules that hold before any route is looked at.
// A browser on the operator's machine must not be usable against the gateway (DNS rebinding, cross
// site requests), and off loopback a token is needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/token.hpp"
#include "config/config.hpp"
#include "net/http_server.hpp"

namespace canary::admin {

class Gate {
 public:
  /// `port` is the one that was bound; `token` is empty when none is configured.
  Gate(const config::Admin& admin, std::uint16_t port, std::string token);

  /// The refusal of this request, or nothing when it may go on:
  /// 421 for a Host that is not ours, 403 for another site's request, 401 and 429 without the
  /// token. Probers, who know neither name nor token, are let through to healthz and readyz.
  std::optional<net::HttpResponse> refusal(const net::HttpRequest& request, base::MonoTime now);

  /// What a request that changes something must also keep: 415 unless its body is JSON.
  static std::optional<net::HttpResponse> refuse_mutation(const net::HttpRequest& request);

 private:
  bool is_own_host(std::string_view host) const;
  bool is_own_origin(std::string_view origin, std::string_view host) const;

  std::uint16_t port_;
  std::vector<std::string> hosts_;  // lower case: those with a port, and those with any
  std::string token_;
  FailureBrake brake_;
};

}  // namespace canary::admin
