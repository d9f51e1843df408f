// A controller on real files, a real journal and latch file, a real io_context, with a fake data
// plane whose workers apply a table when the test says so.
#pragma once

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/load.hpp"
#include "control/controller.hpp"
#include "support/temp_dir.hpp"

namespace canary::control {

class FakeDataPlane final : public traffic::DataPlane {
 public:
  struct Published {
    std::shared_ptr<const traffic::RoutingTable> table;
    std::function<void()> on_applied;
  };
  bool at_once = true;  // apply on the next turn of the loop
  std::vector<Published> published;
  std::vector<std::shared_ptr<const traffic::VersionAnswers>> announced;
  std::function<void()> on_publish;

  void publish(std::shared_ptr<const traffic::RoutingTable> table,
               std::function<void()> on_applied) override {
    published.push_back({std::move(table), std::move(on_applied)});
    if (on_publish) on_publish();
  }
  std::vector<std::pair<std::string, std::string>> ended;  // (model, version)
  void end_requests(const std::string& model, const std::string& version) override {
    ended.emplace_back(model, version);
  }
  void announce(std::shared_ptr<const traffic::VersionAnswers> answers) override {
    announced.push_back(std::move(answers));
  }
  /// Every table so far is in force.
  void apply() {
    while (applied < published.size()) published[applied++].on_applied();
  }
  const traffic::RoutingTable& last() const { return *published.back().table; }
  base::BasisPoints weight(std::size_t model = 0) const {
    return last().models.at(model).canary_weight;
  }
  std::size_t applied = 0;
};

/// Keeps what people would have been told; one receiver that wants everything.
class FakeNotifier final : public notify::Notifier {
 public:
  mutable std::vector<notify::Notice> notices;  // as they were made
  std::vector<notify::Message> sent;
  std::function<void(const notify::Message&)> on_send;
  std::function<void(const notify::Notice&)> on_notice;
  void use(const std::vector<config::Notify>&, const std::string&) override {}
  std::vector<notify::Message> messages_for(const notify::Notice& notice) const override {
    notices.push_back(notice);
    if (on_notice) on_notice(notice);
    return {{notice.id, "fake",
             std::string(name(notice.kind)) + " " + std::string(name(notice.decision)),
             notice.time}};
  }
  void send(const std::vector<notify::Message>& messages) override {
    for (const auto& message : messages) {
      sent.push_back(message);
      if (on_send) on_send(message);
    }
  }
  std::vector<notify::ReceiverView> receivers() const override { return {}; }
  /// "rollback rollback, step in_force": what was sent.
  std::string told() const {
    std::string out;
    for (const auto& message : sent) out += (out.empty() ? "" : ", ") + message.body;
    return out;
  }
};

/// A configuration of one model, as text; the fields vary by test.
struct Yaml {
  std::string model = "m", stable = "m_v1", canary = "m_v2", percentage = "10", extra, state_dir;
  int attempt = 1;
  std::string more_models;
  std::string text() const {
    return "data: { listen: \"127.0.0.1:18080\" }\nstate_dir: " + state_dir + "\nmodels:\n  " +
           model + ":\n    match: [{ path_prefix: /" + model +
           " }]\n    stable: { version: " + stable +
           ", endpoints: [\"http://127.0.0.1:9001\"] }\n" +
           (canary.empty() ? ""
                           : "    canary: { version: " + canary +
                                 ", endpoints: [\"http://127.0.0.1:9002\"], rollout_percentage: " +
                                 percentage + " }\n") +
           "    attempt: " + std::to_string(attempt) +
           "\n    judge: { method: threshold, window: 1m, min_samples: 20 }\n" + extra +
           more_models;
  }
};

/// One process's life; the directory outlives it.
class House {
 public:
  explicit House(const support::TempDir& dir) : dir_(dir) {}
  ~House() { crash(); }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  boost::asio::io_context io;
  base::ManualClock clock;
  FakeDataPlane plane;
  stats::Registry registry{2};
  FakeNotifier notifier;
  std::optional<base::Result<std::string>> wire_answer;  // absent: what was announced
  int asked = 0;
  std::optional<analysis::QualityEvidence> quality;
  SendProbe send_probe = nullptr;
  ConfigFile::Read read_file = nullptr;
  std::function<bool()> disk_refuses = nullptr;  // on the journal's thread
  store::Journal* journal = nullptr;
  std::optional<Controller> controller;
  bool ready = false;
  bool lost = false;

  std::string config_path() const { return (dir_ / "gateway.yaml").string(); }
  std::filesystem::path state_path() const { return dir_ / "state"; }

  void write(Yaml yaml) {
    yaml.state_dir = state_path().string();
    support::write_file(config_path() + ".new", yaml.text());
    std::filesystem::rename(config_path() + ".new", config_path());
  }

  /// Opens the stores and makes the controller, without starting it.
  void build() {
    auto dir = store::StateDir::open(state_path());
    REQUIRE(dir.has_value());
    state_dir_.emplace(std::move(*dir));
    store::Journal::Options options;
    options.refuse = disk_refuses;
    auto state = store::open_state(*state_dir_, std::move(options));
    if (state.has_error()) FAIL(state.error().message());
    state_.emplace(std::move(*state));
    journal = state_->journal.journal.get();
    lost = state_->journal.lost;
    Parts parts{io, clock, *state_dir_, *state_, registry, plane, config_path()};
    parts.notifier = &notifier;
    parts.ask_version = [this](const std::string& model, const auto& answer) {
      ++asked;
      if (wire_answer) return answer(*wire_answer);
      answer(base::Result<std::string>(boost::system::in_place_value,
                                       *plane.announced.back()->find(model)));
    };
    parts.quality = [this](const std::string&) { return quality; };
    parts.send_probe = send_probe;
    parts.read_file = read_file;
    parts.tick_interval = std::chrono::milliseconds(1);  // time is the test's clock, not this one
    controller.emplace(std::move(parts));
  }

  /// Starts on the file's present text, or on another one as a fallback.
  void start(std::optional<std::string> fallback = std::nullopt, bool wait = true) {
    build();
    const std::string text = fallback ? *fallback : support::read_file(config_path());
    const auto loaded = config::load(text);
    for (const auto& problem : loaded.errors) FAIL(problem.to_string("gateway.yaml"));
    controller->start({loaded.config, text, fallback.has_value(), {}}, [this] { ready = true; });
    if (wait) run_until([this] { return ready; });
  }

  /// Starts on the file that was last in force: an edit that had not been taken up when the last
  /// life ended would be the operator's own raise.
  void start_on_accepted() {
    const std::string accepted = support::read_file(state_path() / "last-accepted.yaml");
    support::write_file(config_path(), "models: [broken");
    start(accepted);
  }

  /// What kill -9 leaves: nothing is told, nothing more is written by the controller.
  void crash() {
    controller.reset();
    journal = nullptr;
    state_.reset();
    state_dir_.reset();
  }

  /// Runs the loop until the condition holds; a test that waits 20 s has failed.
  void run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) FAIL("the awaited event did not come");
      io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
      if (plane.at_once) plane.apply();
    }
  }

  Outcome await(const std::function<void(Done)>& command) {
    std::optional<Outcome> outcome;
    command([&outcome](Outcome result) { outcome = std::move(result); });
    run_until([&outcome] { return outcome.has_value(); });
    return *outcome;
  }
  Outcome set_flag(base::BasisPoints percentage, const std::string& canary = "m_v2") {
    return await([&](Done done) {
      controller->set_flag(canary, percentage, {"alice", "test"}, std::move(done));
    });
  }
  Outcome clear_flag() {
    return await([&](Done done) {
      controller->clear_flag("m_v2", {"alice", ""}, std::move(done));
    });
  }
  Outcome resume() {
    return await([&](Done done) { controller->resume("m", {"bob", "fixed"}, std::move(done)); });
  }
  Outcome rollback() {
    return await([&](Done done) {
      controller->rollback("m", rollout::Mode::immediate, {"bob", "bad"}, std::move(done));
    });
  }
  Outcome reload() {
    return await([&](Done done) { controller->reload("test", std::move(done)); });
  }

  /// Requests that finished at the canary (or at stable), counted as a worker would.
  void observe(const std::string& version, int count, bool failed,
               base::Duration total = std::chrono::milliseconds(10),
               const std::string& model = "") {  // empty: whichever has it
    std::shared_ptr<stats::VersionStats> stats;
    for (const auto& known : registry.all())
      if (known->version == version && (model.empty() || known->model == model)) stats = known;
    REQUIRE(stats);
    for (int i = 0; i < count; ++i) {
      stats::Observation seen;
      seen.outcome = failed ? stats::Outcome::server_error : stats::Outcome::ok;
      seen.code = failed ? 500 : 200;
      seen.error = failed;
      seen.first_byte = total;
      seen.total = total;
      stats->requests->at(0).started.add();
      stats::record(stats->requests->at(0), stats->latency->at(0), *stats->latency, seen);
    }
  }
  /// Lets the canary fail until it is taken out.
  void fail_canary() {
    observe("m_v2", 50, true);
    run_until([this] { return model().rollout.latched; });
    run_until([this] { return settled(); });
  }

  ModelView model(std::size_t index = 0) const { return controller->status().models.at(index); }
  base::BasisPoints effective() const { return model().weight.effective; }
  bool settled() const {
    const auto status = controller->status();
    return status.table_generation == status.in_force_generation;
  }
  std::vector<store::HistoryRow> history() {
    std::optional<std::vector<store::HistoryRow>> rows;
    controller->history("", 100, [&rows](auto result) { rows = *result; });
    run_until([&rows] { return rows.has_value(); });
    return *rows;
  }
  /// The newest row of this kind.
  std::optional<store::HistoryRow> row(config::EntryKind kind) {
    for (auto& row : history())
      if (row.entry.kind == kind) return std::move(row);
    return std::nullopt;
  }
  const store::LatchFile& latch() const { return state_->latch; }
  std::optional<store::LatchSlot> slot(const std::string& canary = "m_v2") const {
    return state_->latch.read("m", canary);
  }

 private:
  const support::TempDir& dir_;
  std::optional<store::StateDir> state_dir_;
  std::optional<store::State> state_;
};

}  // namespace canary::control
