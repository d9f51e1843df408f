// The /internal API (docs/api.md): which request means what. On the control thread. The admin
// listener serves all of it behind the Gate; the observe listener three routes without one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/backend.hpp"
#include "admin/command_keys.hpp"
#include "admin/json_body.hpp"
#include "admin/metrics.hpp"
#include "net/http_server.hpp"

namespace canary::admin {

/// The path's segments, percent-decoded; empty for a path that cannot be decoded.
std::vector<std::string> segments(std::string_view path);
bool has_query(std::string_view query, std::string_view name);
/// The decoded value of a query parameter; empty when it is absent.
std::string query_value(std::string_view query, std::string_view name);

class Api {
 public:
  explicit Api(Backend backend);

  /// Any route, for requests that have passed the Gate.
  void serve(const net::HttpRequest& request, net::Respond respond);
  /// GET /metrics, /internal/healthz and /internal/readyz; 404 for everything else.
  void serve_observe(const net::HttpRequest& request, net::Respond respond);

 private:
  struct Call;
  struct Route;
  static const std::vector<Route>& routes();
  void dispatch(const net::HttpRequest& request, bool observe_only, net::Respond respond);

  void model_version(const Call& call);
  void status(const Call& call);
  void list_flags(const Call& call);
  void get_flag(const Call& call);
  void put_flag(const Call& call);
  void delete_flag(const Call& call);
  void resume(const Call& call);
  void rollback(const Call& call);
  void pause(const Call& call);
  void promote(const Call& call);
  void complaint(const Call& call);
  void latches(const Call& call);
  void forget(const Call& call);
  void reload(const Call& call);
  void history(const Call& call);
  void report(const Call& call);
  void healthz(const Call& call);
  void readyz(const Call& call);
  void metrics(const Call& call);
  /// Who asks, why, and on what grounds; answers 400 itself when that cannot be read.
  struct Order {
    JsonBody body;
    rollout::Actor actor;
    control::Basis basis;
  };
  std::optional<Order> order_of(const Call& call, std::initializer_list<std::string_view> keys,
                                bool reason_required);
  void command(const Call& call, const Backend::Command& run);
  static control::Done answer_command(const Call& call);
  static control::Done answer_flag(const Call& call);
  /// The model whose canary has this name; answers 404 itself when there is none.
  std::optional<control::ModelView> find_flag(const Call& call);

  Backend backend_;
  MetricsPage metrics_;
  CommandKeys keys_;
};

}  // namespace canary::admin
