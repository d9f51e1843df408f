// The control plane's heart: owns configuration, rollout states and weights, and is the only one
// that publishes. Lives on the control thread (its io_context); every call and every callback is on
// that thread. Decisions come from rollout/advance; this performs them in the right order:
//   a lowering: latch slot, publish, journal;   a raise: journal, publish, lift the slot.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/quality.hpp"
#include "base/clock.hpp"
#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "control/basis.hpp"
#include "control/config_file.hpp"
#include "control/figures.hpp"
#include "control/health_probes.hpp"
#include "control/views.hpp"
#include "notify/notifier.hpp"
#include "rollout/advance.hpp"
#include "stats/registry.hpp"
#include "store/state.hpp"
#include "traffic/data_plane.hpp"

namespace canary::control {

/// What a command came to. `status` is an HTTP status: 200, 404 (no such model, version), 409
/// (latched, nothing to do, overtaken by a later decision, its basis gone), 422 (a configuration
/// that is refused), 429 (too many that change nothing), 503 (a raise that could not be committed).
struct Outcome {
  int status = 200;
  std::string message;        // on failure: what was wrong and what to do; else what was decided
  rollout::Weight weight;     // after the command
  bool durable = true;        // false: in force, but not yet committed
  bool basis_broken = false;  // of a 409: what it was decided on has changed
};
/// Runs once, on the control thread, when the weight is in force on every worker; not at all when
/// the controller is stopped first.
using Done = std::function<void(Outcome)>;

/// Asks our own data listener over the wire for `/internal/model-version?model=...`. The answer, a
/// body or why there is none, comes on the control thread and within a few seconds.
using AskVersion = std::function<void(const std::string& model,
                                      std::function<void(base::Result<std::string>)> answer)>;

/// Every address of a host; the ports are ignored. Called on threads of its own, may block.
using ResolveName =
    std::function<base::Result<std::vector<traffic::SocketAddress>>(const std::string& host)>;

class Controller {
 public:
  struct Parts {
    boost::asio::io_context& io;
    const base::Clock& clock;
    store::StateDir& state_dir;
    store::LatchFile& latch;
    store::Journal& journal;
    std::vector<rollout::State> remembered;  // from the journal
    bool state_lost = false;                 // then every canary begins latched
    bool lowerings_lost = false;  // store::State::lowerings_lost(): so does what has no slot
    stats::Registry& registry;
    traffic::DataPlane& data_plane;
    std::string config_path;
    // How often the judge looks; zero: only when tick() is called, by whoever moves the clock.
    base::Duration tick_interval = std::chrono::milliseconds(250);
    // How often the clocks that only grow are written down.
    base::Duration checkpoint_interval = std::chrono::seconds(10);
    notify::Notifier* notifier = nullptr;         // whom to tell; outlives the controller
    std::vector<store::OutboxRow> undelivered{};  // from the journal
    std::vector<store::FigureRow> figures{};      // from the journal
    AskVersion ask_version = nullptr;  // none: the proof leaves that step out, and says so
    // Both versions' quality within the judge's window; none: there is no such criterion.
    std::function<std::optional<analysis::QualityEvidence>(const std::string& model)> quality =
        nullptr;
    bool watch_file = true;                // false: the file is read when reload() asks for it
    ConfigFile::Read read_file = nullptr;  // none: the file system
    ResolveName resolve = nullptr;         // none: the system's resolver
    SendProbe send_probe = nullptr;        // none: endpoints are not probed
    // What descriptors the process has; none: nobody asks whether they are enough.
    std::function<base::DescriptorRoom()> descriptors = nullptr;
  };
  /// `io` and `state_dir` must outlive the journal: its answers are posted to the one, and its
  /// thread writes to the other.
  explicit Controller(Parts parts);
  ~Controller();

  /// What messages link to; before start().
  void link_to(std::string status_url);

  /// The gateway's own listeners, as they are bound: no endpoint may be one. Before start().
  void forbid(std::vector<config::ListenAddress> own);

  /// What forbids starting on this configuration, by what is remembered and by where the gateway
  /// listens: `stable` names a canary that is latched or not complete, an endpoint is one of the
  /// gateway's own listeners. Empty: start() may be called with it.
  std::vector<std::string> objections(const config::Config& config) const;

  /// Takes the first configuration into force, publishes, and starts the tick and the watcher.
  /// `on_ready` runs when the first table is in force. With `fallback` (this is the last accepted
  /// text, the present file is broken) no weight is above the one last in force. A raise that
  /// cannot be committed is left out and tried again.
  void start(const config::Config& config, std::string text, bool fallback,
             std::vector<std::string> warnings, std::function<void()> on_ready);
  void stop();
  /// One look of the judge at what was observed.
  void tick();

  void reload(std::string actor, Done done);
  void set_flag(const std::string& canary_version, base::BasisPoints percentage,
                rollout::Actor actor, Done done, Basis basis = {});
  void clear_flag(const std::string& canary_version, rollout::Actor actor, Done done,
                  Basis basis = {});
  void rollback(const std::string& model, rollout::Mode mode, rollout::Actor actor, Done done,
                Basis basis = {});
  void resume(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void promote(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void pause(const std::string& model, rollout::Actor actor, Done done, Basis basis = {});
  void complaint(const std::string& model, bool critical, rollout::Actor actor, Done done,
                 Basis basis = {});

  /// Opens the latch of a version that the file does not name, and frees its slot. 404: nothing is
  /// remembered of it; 409: the file names it.
  void forget(const std::string& version, rollout::Actor actor, Done done);

  StatusView status() const;
  /// What was counted in the model's present rollout, this moment included (control/figures); of a
  /// model without a canary, in that of its stable version.
  std::vector<Figure> figures(const std::string& model) const;
  std::vector<LatchedView> latched() const;
  const config::Config& config() const;
  std::shared_ptr<const traffic::VersionAnswers> answers() const;  // of the table in force
  void history(std::string model, std::size_t limit,
               std::function<void(base::Result<std::vector<store::HistoryRow>>)> done);
  std::vector<RollbackCount> rollbacks() const;
  std::vector<RefusalCount> refusals() const;
  std::vector<EndpointCount> endpoint_counts() const;
  const stats::Registry& registry() const;
  void set_draining();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace canary::control
