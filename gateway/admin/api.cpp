#include "admin/api.hpp"

#include <algorithm>
#include <charconv>

#include "admin/answer.hpp"
#include "admin/api_call.hpp"
#include "admin/gate.hpp"
#include "admin/report.hpp"
#include "admin/views.hpp"
#include "base/nearest_word.hpp"
#include "base/units.hpp"

namespace canary::admin {
namespace {

constexpr std::size_t default_history = 50;
constexpr std::size_t max_history = 1000;

InFlight in_flight(const Backend& backend) {
  InFlight out;
  for (const auto& version : backend.versions())
    out[{version->model, version->version}] = version->in_flight();
  return out;
}

std::vector<std::string> model_names(const Backend& backend) {
  std::vector<std::string> names;
  for (const auto& model : backend.status().models) names.push_back(model.model);
  return names;
}

std::string unknown_model(const std::string& name, const std::vector<std::string>& known) {
  return "no model '" + name + "' (" + base::known_words(name, known, "none is configured") + ")";
}

}  // namespace

Api::Api(Backend backend)
    : backend_(std::move(backend)), keys_(std::exchange(backend_.commands, {})) {}

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> table = {
      {{"internal", "model-version"}, "GET", &Api::model_version},
      {{"internal", "model-version", "*"}, "GET", &Api::model_version},
      {{"internal", "status"}, "GET", &Api::status},
      {{"internal", "flags"}, "GET", &Api::list_flags},
      {{"internal", "flags", "*"}, "GET", &Api::get_flag},
      {{"internal", "flags", "*"}, "PUT", &Api::put_flag},
      {{"internal", "flags", "*"}, "DELETE", &Api::delete_flag},
      {{"internal", "rollouts", "*", "resume"}, "POST", &Api::resume},
      {{"internal", "rollouts", "*", "rollback"}, "POST", &Api::rollback},
      {{"internal", "rollouts", "*", "pause"}, "POST", &Api::pause},
      {{"internal", "rollouts", "*", "promote"}, "POST", &Api::promote},
      {{"internal", "rollouts", "*", "complaint"}, "POST", &Api::complaint},
      {{"internal", "latches"}, "GET", &Api::latches},
      {{"internal", "latches", "*", "forget"}, "POST", &Api::forget},
      {{"internal", "reload"}, "POST", &Api::reload},
      {{"internal", "history"}, "GET", &Api::history},
      {{"internal", "report", "*"}, "GET", &Api::report},
      {{"internal", "healthz"}, "GET", &Api::healthz, true},
      {{"internal", "readyz"}, "GET", &Api::readyz, true},
      {{"metrics"}, "GET", &Api::metrics, true},
  };
  return table;
}

void Api::serve(const net::HttpRequest& request, net::Respond respond) {
  dispatch(request, false, std::move(respond));
}

void Api::serve_observe(const net::HttpRequest& request, net::Respond respond) {
  dispatch(request, true, std::move(respond));
}

void Api::dispatch(const net::HttpRequest& request, bool observe_only, net::Respond respond) {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  Call call{request, segments(request.path), std::move(respond)};
  std::string allowed;
  for (const Route& route : routes()) {
    if (observe_only && !route.observable) continue;
    if (!route.matches(call.path)) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") allowed += ", HEAD";
    if (route.method != method) continue;
    if (method == "GET") return (this->*route.run)(call);
    if (auto refused = Gate::refuse_mutation(request)) return call.respond(std::move(*refused));
    return keys_.handle(request, call.respond, [&](net::Respond answer) {
      (this->*route.run)({call.request, call.path, std::move(answer)});
    });
  }
  if (allowed.empty())
    return call.fail(404, "not_found", "there is nothing at '" + request.path + "'");
  auto response = failure(405, "method_not_allowed", "this path answers " + allowed);
  response.headers.emplace_back("Allow", allowed);
  call.respond(std::move(response));
}

void Api::model_version(const Call& call) {
  const std::string model =
      call.path.size() > 2 ? call.path[2] : query_value(call.request.query, "model");
  const auto answers = backend_.answers();
  if (!answers) return call.fail(503, "starting", "no routing table is in force yet");
  if (const std::string* body = answers->find(model)) {
    net::HttpResponse response;  // the very bytes the data listener answers
    response.body = *body;
    return call.respond(std::move(response));
  }
  std::vector<std::string> known;
  for (const auto& [name, body] : answers->by_model) known.push_back(name);
  call.fail(404, "unknown_model", unknown_model(model, known));
}

void Api::status(const Call& call) {
  const auto status = backend_.status();
  auto response = json(status_json(status, in_flight(backend_), backend_.receivers()));
  response.headers.emplace_back("ETag", status_tag(status));
  call.respond(std::move(response));
}

void Api::list_flags(const Call& call) { call.respond(json(flags_json(backend_.status()))); }

std::optional<control::ModelView> Api::find_flag(const Call& call) {
  std::vector<std::string> known;
  for (auto& model : backend_.status().models) {
    if (!model.canary) continue;
    if (*model.canary == call.path[2]) return std::move(model);
    known.push_back(*model.canary);
  }
  call.fail(404, "unknown_flag",
            "no canary version '" + call.path[2] + "' (" +
                base::known_words(call.path[2], known, "no model has a canary") + ")");
  return std::nullopt;
}

void Api::get_flag(const Call& call) {
  if (const auto model = find_flag(call))
    call.respond(json(flag_json(model->weight, model->durable)));
}

std::optional<Api::Order> Api::order_of(const Call& call,
                                        std::initializer_list<std::string_view> keys,
                                        bool reason_required) {
  const auto fail = [&](const base::Error& error) {
    call.fail(400, "bad_request", error.message());
    return std::nullopt;
  };
  auto body = JsonBody::read(call.request.body, keys);
  if (!body) return fail(body.error());
  auto actor = read_actor(*body, reason_required);
  if (!actor) return fail(actor.error());
  auto basis = read_basis(call.request, *body, backend_.status);
  if (!basis) return fail(basis.error());
  return Order{std::move(*body), std::move(*actor), std::move(*basis)};
}

void Api::put_flag(const Call& call) {
  auto order = order_of(call, {"rollout_percentage", "by", "reason", "expect"}, false);
  if (!order) return;
  const auto number = order->body.number("rollout_percentage");
  if (!number) return call.fail(400, "bad_request", number.error().message());
  const auto percentage = base::to_basis_points(*number);
  if (!percentage)
    return call.fail(400, "bad_request", "rollout_percentage: " + percentage.error().message());
  if (!find_flag(call)) return;
  backend_.set_flag(call.path[2], *percentage, std::move(order->actor), answer_flag(call),
                    std::move(order->basis));
}

void Api::delete_flag(const Call& call) {
  auto order = order_of(call, {"by", "reason", "expect"}, false);
  if (!order || !find_flag(call)) return;
  backend_.clear_flag(call.path[2], std::move(order->actor), answer_flag(call),
                      std::move(order->basis));
}

control::Done Api::answer_flag(const Call& call) {
  return [respond = call.respond](const control::Outcome& outcome) {
    if (outcome.status != 200) return respond(refused(outcome));
    respond(json(flag_json(outcome.weight, outcome.durable, outcome.message)));
  };
}

void Api::command(const Call& call, const Backend::Command& run) {
  auto order = order_of(call, {"reason", "by", "expect"}, true);
  if (order)
    run(call.path[2], std::move(order->actor), answer_command(call), std::move(order->basis));
}

void Api::rollback(const Call& call) {
  auto order = order_of(call, {"reason", "by", "mode", "expect"}, true);
  if (!order) return;
  const auto mode = order->body.text("mode", 32, "immediate");
  if (!mode) return call.fail(400, "bad_request", mode.error().message());
  if (*mode != "immediate" && *mode != "gradual")
    return call.fail(400, "bad_request",
                     "unknown mode '" + *mode + "' (known: immediate, gradual)");
  backend_.rollback(call.path[2],
                    *mode == "gradual" ? rollout::Mode::gradual : rollout::Mode::immediate,
                    std::move(order->actor), answer_command(call), std::move(order->basis));
}

control::Done Api::answer_command(const Call& call) {
  return [respond = call.respond, model = call.path[2]](const control::Outcome& outcome) {
    if (outcome.status != 200) return respond(refused(outcome));
    respond(json(command_json(model, outcome.weight, outcome.durable, outcome.message)));
  };
}

void Api::resume(const Call& call) { command(call, backend_.resume); }
void Api::pause(const Call& call) { command(call, backend_.pause); }
void Api::promote(const Call& call) { command(call, backend_.promote); }

void Api::complaint(const Call& call) {
  auto order = order_of(call, {"severity", "reason", "by", "expect"}, true);
  if (!order) return;
  const auto severity = order->body.text("severity", 32);
  if (!severity) return call.fail(400, "bad_request", severity.error().message());
  if (*severity != "critical" && *severity != "minor")
    return call.fail(400, "bad_request",
                     "severity: expected critical or minor, found '" + *severity + "'");
  backend_.complaint(call.path[2], *severity == "critical", std::move(order->actor),
                     answer_command(call), std::move(order->basis));
}

void Api::latches(const Call& call) { call.respond(json(latches_json(backend_.latched()))); }

void Api::forget(const Call& call) {
  auto order = order_of(call, {"reason", "by", "expect"}, true);
  if (!order) return;
  backend_.forget(
      call.path[2], std::move(order->actor),
      [respond = call.respond, version = call.path[2]](const control::Outcome& outcome) {
        if (outcome.status != 200) return respond(refused(outcome));
        respond(json(forgotten_json(version)));
      },
      std::move(order->basis));
}

void Api::reload(const Call& call) {
  const auto order = order_of(call, {"by", "reason"}, false);
  if (!order) return;
  if (order->basis.status_is_same && !order->basis.status_is_same())
    return call.fail(
        409, "expectation_failed",
        "decided on a status that has changed since (If-Match): nothing was read; look "
        "at the status and decide anew");
  backend_.reload(order->actor.name,
                  [respond = call.respond, status = backend_.status](control::Outcome outcome) {
                    if (outcome.status != 200) return respond(refused(outcome));
                    respond(json(reload_json(status())));
                  });
}

void Api::history(const Call& call) {
  std::size_t limit = default_history;
  const std::string wanted = query_value(call.request.query, "limit");
  if (!wanted.empty()) {
    const auto [end, code] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), limit);
    if (code != std::errc() || end != wanted.data() + wanted.size() || limit == 0 ||
        limit > max_history)
      return call.fail(
          400, "bad_request",
          "limit: expected 1.." + std::to_string(max_history) + ", found '" + wanted + "'");
  }
  const std::string model = query_value(call.request.query, "model");
  const std::vector<std::string> known = model_names(backend_);
  // A script whose variable is empty does not ask for every model's.
  if (model.empty() && has_query(call.request.query, "model"))
    return call.fail(404, "unknown_model", unknown_model(model, known));
  // A model that is configured no more still has its history.
  const bool must_have =
      !model.empty() && std::find(known.begin(), known.end(), model) == known.end();
  backend_.history(model, limit,
                   [respond = call.respond, model, known,
                    must_have](base::Result<std::vector<store::HistoryRow>> rows) {
                     if (!rows) return respond(failure(503, "no_history", rows.error().message()));
                     if (rows->empty() && must_have)
                       return respond(failure(404, "unknown_model", unknown_model(model, known)));
                     respond(json(history_json(*rows)));
                   });
}

void Api::report(const Call& call) {
  const auto status = backend_.status();
  const auto model =
      std::find_if(status.models.begin(), status.models.end(),
                   [&](const auto& candidate) { return candidate.model == call.path[2]; });
  if (model == status.models.end())
    return call.fail(404, "unknown_model", unknown_model(call.path[2], model_names(backend_)));
  Report report{*model, figures_of(*model, backend_.figures(model->model)), {}};
  const bool plain = query_value(call.request.query, "format") == "markdown";
  backend_.history(model->model, max_history,
                   [respond = call.respond, plain, report = std::move(report)](
                       base::Result<std::vector<store::HistoryRow>> rows) mutable {
                     if (!rows) return respond(failure(503, "no_history", rows.error().message()));
                     report.rows = std::move(*rows);
                     net::HttpResponse response = json(report_json(report));
                     if (plain) {
                       response.content_type = "text/markdown; charset=utf-8";
                       response.body = report_markdown(report);
                     }
                     respond(std::move(response));
                   });
}

void Api::healthz(const Call& call) { call.respond(json(R"({"status":"ok"})")); }

void Api::readyz(const Call& call) {
  const auto status = backend_.status();
  auto response = json(ready_json(status));
  if (!status.ready || status.draining) response.status = 503;
  call.respond(std::move(response));
}

void Api::metrics(const Call& call) {
  net::HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.render(backend_);
  call.respond(std::move(response));
}

}  // namespace canary::admin
