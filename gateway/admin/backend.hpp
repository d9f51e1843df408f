// What the admin room asks of the rest of the gateway, as plain functions: the Controller and the
// data plane's counters in the binary (backend_of), prepared answers in the tests. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/command_keys.hpp"
#include "control/controller.hpp"
#include "control/views.hpp"
#include "notify/notifier.hpp"
#include "stats/cells.hpp"
#include "traffic/model_version.hpp"

namespace canary::admin {

/// What the data plane counts of itself, beside the versions' cells. Cumulative but for `open`.
struct ProcessCounters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t accept_errors = 0;  // times that a connection had to wait: out of descriptors
  std::uint64_t turned_away = 0;    // connections that were told that there is no room
  std::uint64_t evicted = 0;        // idle connections closed to make room
  std::uint64_t unasked = 0;        // upstream connections with bytes that no request asked for
  std::uint64_t descriptors_open = 0, descriptor_limit = 0;
  std::map<int, std::uint64_t> refused;  // by status code: requests the gateway answered itself
  std::uint64_t access_log_dropped = 0;
};

struct Backend {
  using HistoryDone = std::function<void(base::Result<std::vector<store::HistoryRow>>)>;

  std::function<control::StatusView()> status;
  std::function<std::shared_ptr<const traffic::VersionAnswers>()> answers;
  /// Of a model, of a canary's flag, or of a version that the file does not name.
  using Command =
      std::function<void(const std::string& name, rollout::Actor, control::Done, control::Basis)>;
  std::function<void(const std::string& canary, base::BasisPoints, rollout::Actor, control::Done,
                     control::Basis)>
      set_flag;
  Command clear_flag;
  std::function<void(const std::string& model, rollout::Mode, rollout::Actor, control::Done,
                     control::Basis)>
      rollback;
  Command resume, promote, pause;
  std::function<void(const std::string& model, bool critical, rollout::Actor, control::Done,
                     control::Basis)>
      complaint;
  Command forget;  // of a version
  std::function<std::vector<control::LatchedView>()> latched;
  std::function<void(std::string actor, control::Done)> reload;
  std::function<void(std::string model, std::size_t limit, HistoryDone)> history;
  std::function<std::vector<control::Figure>(const std::string& model)> figures;
  std::function<std::vector<std::shared_ptr<stats::VersionStats>>()> versions;
  std::function<std::vector<control::RollbackCount>()> rollbacks;
  std::function<std::vector<control::RefusalCount>()> refusals;
  std::function<std::vector<control::EndpointCount>()> endpoints;
  std::function<ProcessCounters()> process;
  std::function<std::vector<notify::ReceiverView>()> receivers;
  CommandMemory commands{};
};

/// The backend of a running gateway. `controller` must outlive it.
Backend backend_of(control::Controller& controller, std::function<ProcessCounters()> process,
                   std::function<std::vector<notify::ReceiverView>()> receivers,
                   CommandMemory commands);

}  // namespace canary::admin
