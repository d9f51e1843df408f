// What the control plane is made of and lives on: whoever builds one (run, rehearse, tests) fills
// this in. Everything that is a reference or a pointer outlives it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/quality.hpp"
#include "base/clock.hpp"
#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "control/config_file.hpp"
#include "control/health_probes.hpp"
#include "notify/notifier.hpp"
#include "stats/registry.hpp"
#include "store/state.hpp"
#include "traffic/data_plane.hpp"

namespace canary::control {

/// Asks our own data listener over the wire for `/internal/model-version?model=...`. The answer, a
/// body or why there is none, comes on the control thread and within a few seconds.
using AskVersion = std::function<void(const std::string& model,
                                      std::function<void(base::Result<std::string>)> answer)>;

/// Every address of a host; the ports are ignored. Called on threads of its own, may block.
using ResolveName =
    std::function<base::Result<std::vector<traffic::SocketAddress>>(const std::string& host)>;

/// `io` and `state_dir` outlive the journal, too: its answers are posted to the one, and its thread
/// writes to the other.
struct Parts {
  boost::asio::io_context& io;
  const base::Clock& clock;
  store::StateDir& state_dir;
  store::State& state;  // as opened: what is remembered is taken from it
  stats::Registry& registry;
  traffic::DataPlane& data_plane;
  std::string config_path;
  // How often the judge looks; zero: only when tick() is called, by whoever moves the clock.
  base::Duration tick_interval = std::chrono::milliseconds(250);
  // How often the clocks that only grow are written down.
  base::Duration checkpoint_interval = std::chrono::seconds(10);
  notify::Notifier* notifier = nullptr;  // whom to tell; outlives the controller
  AskVersion ask_version = nullptr;      // none: the proof leaves that step out, and says so
  // Both versions' quality within the judge's window; none: there is no such criterion.
  std::function<std::optional<analysis::QualityEvidence>(const std::string& model)> quality =
      nullptr;
  bool watch_file = true;                // false: the file is read when reload() asks for it
  ConfigFile::Read read_file = nullptr;  // none: the file system
  ResolveName resolve = nullptr;         // none: the system's resolver
  SendProbe send_probe = nullptr;        // none: endpoints are not probed
  // What descriptors the process has; none: nobody asks whether they are enough.
  std::function<base::DescriptorRoom()> descriptors = nullptr;

  store::LatchFile& latch() const { return state.latch; }
  store::Journal& journal() const { return *state.journal.journal; }
};

}  // namespace canary::control
