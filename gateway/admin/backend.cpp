#include "admin/backend.hpp"

namespace canary::admin {

using base::BasisPoints;
using control::Basis;
using control::Done;
using rollout::Actor;

Backend backend_of(control::Controller& controller, std::function<ProcessCounters()> process,
                   std::function<std::vector<notify::ReceiverView>()> receivers,
                   CommandMemory commands) {
  auto* c = &controller;
  Backend backend;
  backend.status = [c] { return c->status(); };
  backend.answers = [c] { return c->answers(); };
  backend.set_flag = [c](const std::string& canary, BasisPoints percentage, Actor actor, Done done,
                         Basis basis) {
    c->set_flag(canary, percentage, std::move(actor), std::move(done), std::move(basis));
  };
  backend.clear_flag = [c](const std::string& canary, Actor actor, Done done, Basis basis) {
    c->clear_flag(canary, std::move(actor), std::move(done), std::move(basis));
  };
  backend.rollback = [c](const std::string& model, rollout::Mode mode, Actor actor, Done done,
                         Basis basis) {
    c->rollback(model, mode, std::move(actor), std::move(done), std::move(basis));
  };
  backend.resume = [c](const std::string& model, Actor actor, Done done, Basis basis) {
    c->resume(model, std::move(actor), std::move(done), std::move(basis));
  };
  backend.promote = [c](const std::string& model, Actor actor, Done done, Basis basis) {
    c->promote(model, std::move(actor), std::move(done), std::move(basis));
  };
  backend.pause = [c](const std::string& model, Actor actor, Done done, Basis basis) {
    c->pause(model, std::move(actor), std::move(done), std::move(basis));
  };
  backend.complaint = [c](const std::string& model, bool critical, Actor actor, Done done,
                          Basis basis) {
    c->complaint(model, critical, std::move(actor), std::move(done), std::move(basis));
  };
  backend.forget = [c](const std::string& version, Actor actor, Done done, Basis basis) {
    c->forget(version, std::move(actor), std::move(done), std::move(basis));
  };
  backend.latched = [c] { return c->latched(); };
  backend.reload = [c](std::string actor, Done done) {
    c->reload(std::move(actor), std::move(done));
  };
  backend.history = [c](std::string model, std::size_t limit, Backend::HistoryDone done) {
    c->history(std::move(model), limit, std::move(done));
  };
  backend.versions = [c] { return c->registry().all(); };
  backend.rollbacks = [c] { return c->rollbacks(); };
  backend.figures = [c](const std::string& model) { return c->figures(model); };
  backend.refusals = [c] { return c->refusals(); };
  backend.endpoints = [c] { return c->endpoint_counts(); };
  backend.process = std::move(process);
  backend.receivers = std::move(receivers);
  backend.commands = std::move(commands);
  return backend;
}

}  // namespace canary::admin
