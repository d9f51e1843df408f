// A gateway as the admin room sees it, without one: prepared state, and a record of every command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/api.hpp"
#include "admin/backend.hpp"
#include "stats/registry.hpp"

namespace canary::test {

using namespace std::chrono_literals;

inline analysis::Reading error_rate_reading() {
  analysis::Reading reading;
  reading.criterion = "error_rate";
  reading.verdict = analysis::Verdict::inconclusive;
  reading.value = 0.002;
  reading.success_limit = 0.001;
  reading.limit = 0.005;
  reading.samples = 1000;
  reading.reason = "error rate 0.2% (2 of 1000 requests in 1m)";
  return reading;
}

inline control::ModelView split_model() {
  control::ModelView model;
  model.model = "comp-critic";
  model.stable = "comp-critic_v1";
  model.canary = "comp-critic_v2";
  using control::EndpointState;
  model.stable_endpoints = {{"http://a:1", "10.0.0.1:1", EndpointState::healthy, ""},
                            {"http://a:1", "10.0.0.2:1", EndpointState::ejected, "refused"}};
  model.canary_endpoints = {{"http://b:1", "", EndpointState::unresolved, ""}};
  model.weight.file = 1000;
  model.weight.effective = 1000;
  model.rollout.model = model.model;
  model.rollout.canary = *model.canary;
  model.rollout.status = rollout::Status::running;
  model.rollout.reason = "10% of the traffic";
  model.rollout.since = base::WallTime(1'700'000'000s);
  model.criteria = {error_rate_reading()};
  return model;
}

struct FakeGateway {
  control::StatusView status;
  stats::Registry registry{2};
  std::shared_ptr<traffic::VersionAnswers> answers = std::make_shared<traffic::VersionAnswers>();
  control::Outcome outcome;           // what the next command comes to
  std::vector<std::string> commands;  // "set_flag comp-critic_v2 500 ann: because"
  std::vector<store::HistoryRow> rows;
  std::vector<control::Figure> figures;
  std::vector<control::RollbackCount> rollbacks;
  std::vector<control::RefusalCount> refusals;
  std::vector<control::LatchedView> latched;
  std::vector<control::EndpointCount> endpoints;
  admin::ProcessCounters process;
  std::vector<notify::ReceiverView> receivers;
  std::vector<store::CommandRow> known_commands, remembered;
  std::vector<std::string> forgotten;
  base::MonoTime now{};
  bool answers_later = false;  // commands wait in `waiting` for their answer
  std::vector<control::Done> waiting;
  control::Basis basis;  // of the last command

  FakeGateway() {
    status.config.generation = 3;
    status.config.loaded_at = base::WallTime(1'700'000'000s);
    status.config.path = "gateway.yaml";
    status.models = {split_model()};
    status.models[0].in_force_after = std::chrono::milliseconds(3);
    status.table_generation = 7;
    status.in_force_generation = 7;
    status.ready = true;
    status.latch.slots = 1023;
    status.latch.needed = 2;
    status.latch.latched = 1;
    answers->all = R"({"model":"comp-critic_v1"})";
    answers->by_model["comp-critic"] = answers->all;
    outcome.weight = status.models[0].weight;
  }

  admin::Backend backend() {
    admin::Backend b;
    b.status = [this] { return status; };
    b.answers = [this] { return answers; };
    b.set_flag = [this](const std::string& canary, base::BasisPoints points, rollout::Actor actor,
                        control::Done done, control::Basis basis) {
      if (!holds(basis, done)) return;
      note("set_flag " + canary + " " + std::to_string(points), actor);
      answer(done);
    };
    b.clear_flag = [this](const std::string& canary, rollout::Actor actor, control::Done done,
                          control::Basis basis) {
      if (!holds(basis, done)) return;
      note("clear_flag " + canary, actor);
      answer(done);
    };
    b.rollback = [this](const std::string& model, rollout::Mode mode, rollout::Actor actor,
                        control::Done done, control::Basis basis) {
      if (!holds(basis, done)) return;
      note("rollback " + model + (mode == rollout::Mode::gradual ? " gradual" : ""), actor);
      answer(done);
    };
    b.resume = [this](const std::string& model, rollout::Actor actor, control::Done done,
                      control::Basis basis) {
      if (!holds(basis, done)) return;
      note("resume " + model, actor);
      answer(done);
    };
    b.promote = [this](const std::string& model, rollout::Actor actor, control::Done done,
                       control::Basis basis) {
      if (!holds(basis, done)) return;
      note("promote " + model, actor);
      answer(done);
    };
    b.pause = [this](const std::string& model, rollout::Actor actor, control::Done done,
                     control::Basis basis) {
      if (!holds(basis, done)) return;
      note("pause " + model, actor);
      answer(done);
    };
    b.complaint = [this](const std::string& model, bool critical, rollout::Actor actor,
                         control::Done done, control::Basis basis) {
      if (!holds(basis, done)) return;
      note("complaint " + model + (critical ? " critical" : " minor"), actor);
      answer(done);
    };
    b.forget = [this](const std::string& version, rollout::Actor actor, control::Done done,
                      control::Basis basis) {
      if (!holds(basis, done)) return;
      note("forget " + version, actor);
      done(outcome);
    };
    b.latched = [this] { return latched; };
    b.reload = [this](std::string actor, control::Done done) {
      commands.push_back("reload " + actor);
      answer(done);
    };
    b.history = [this](std::string model, std::size_t limit, admin::Backend::HistoryDone done) {
      commands.push_back("history '" + model + "' " + std::to_string(limit));
      done(rows);
    };
    b.versions = [this] { return registry.all(); };
    b.figures = [this](const std::string&) { return figures; };
    b.rollbacks = [this] { return rollbacks; };
    b.refusals = [this] { return refusals; };
    b.endpoints = [this] { return endpoints; };
    b.process = [this] { return process; };
    b.receivers = [this] { return receivers; };
    b.commands.known = known_commands;
    b.commands.remember = [this](store::CommandRow row) { remembered.push_back(std::move(row)); };
    b.commands.forget = [this](const std::string& key) { forgotten.push_back(key); };
    b.commands.now = [this] { return now; };
    return b;
  }

 private:
  /// As the control plane does it; then the command may be noted.
  bool holds(const control::Basis& given, const control::Done& done) {
    basis = given;
    const std::string broken = given.broken_by(status.models.at(0).rollout);
    if (broken.empty()) return true;
    control::Outcome refusal;
    refusal.status = 409;
    refusal.message = broken;
    refusal.basis_broken = true;
    done(refusal);
    return false;
  }
  void answer(const control::Done& done) {
    if (answers_later) return waiting.push_back(done);
    done(outcome);
  }
  void note(std::string command, const rollout::Actor& actor) {
    commands.push_back(command + " " + actor.name + ": " + actor.reason);
  }
};

/// Asks an Api without a socket.
class Caller {
 public:
  explicit Caller(FakeGateway& gateway) : api_(gateway.backend()) {}

  using Headers = std::vector<std::pair<std::string, std::string>>;

  net::HttpResponse operator()(const std::string& method, const std::string& target,
                               const std::string& body = {}, const Headers& headers = {}) {
    std::optional<net::HttpResponse> answer;
    send(method, target, body, headers, [&](net::HttpResponse response) { answer = response; });
    return answer.value();
  }
  void send(const std::string& method, const std::string& target, const std::string& body,
            const Headers& headers, net::Respond respond) {
    net::HttpRequest request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (const auto mark = target.find('?'); mark != std::string::npos)
      request.query = target.substr(mark + 1);
    request.body = body;
    if (method != "GET") request.headers = {{"Content-Type", "application/json"}};
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    api_.serve(request, std::move(respond));
  }

 private:
  admin::Api api_;
};

}  // namespace canary::test
