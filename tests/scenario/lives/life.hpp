// One life of a gateway without its workers: a real controller on a real state directory, and a
// data plane that follows a script. Runs in a child process, which dies when the script says so.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/controller.hpp"
#include "scenario/lives/world.hpp"

namespace canary::scenario {

/// How many rollbacks the history may hold of a canary: kill -9 may take rows with it that were
/// decided but not committed, and none else.
struct Tally {
  int least = 0, most = 0;
};

/// What survives a life. The parent reads it when the child has ended.
struct Shared {
  World possible[6];  // what may be the case now: one world while nothing is on its way
  int possible_count = 1;
  FileSpec disk;      // what the configuration file says
  FileSpec kept[64];  // what may be kept as the last accepted file: it is written a little later
  int kept_count = 0;
  int published[model_count] = {-1, -1};
  std::uint64_t generation = 0;
  Tally rollbacks[model_count][canary_count];
  bool started = false;  // the last life's start came to its end
  bool at_rest = true;   // nothing on its way, everything committed
  std::uint64_t steps = 0, tables = 0, rolled_back = 0, refused = 0, not_committed = 0;
  std::size_t trace_size = 0;
  char trace[1 << 16] = {};
  char failure[4096] = {};

  const World& now() const { return possible[0]; }
  void only(const World& world);
  void either(std::initializer_list<World> worlds);
  void may_be_kept(const World& world);
  void note(const std::string& line);
};

/// The child's way to fail: the message is in Shared, the exception unwinds.
struct Failed {};

/// Where in the next step the process is killed.
enum class Death : std::uint8_t { none, returned, committed, publish, in_force, after };

class Life final : traffic::DataPlane {
 public:
  Life(Shared& shared, std::filesystem::path dir);
  ~Life() override;

  Death death = Death::none;
  int lag = 0;  // turns of the loop until a table is in force

  /// As run/gateway: the file, or the last accepted one. False: it refuses to start.
  bool start(bool first);
  /// SIGTERM: tells nothing, but commits what is queued.
  void stop();

  void write_file(const FileSpec& file);
  void disk_full(bool full);
  bool is_disk_full() const { return disk_full_; }

  control::Controller& controller() { return *controller_; }
  base::ManualClock& clock() { return clock_; }

  /// The command's answer. Dies on the way where the script says so.
  control::Outcome await(const std::function<void(control::Done)>& command);
  /// Both are asked for in one turn of the loop; `asked` runs after the second.
  std::pair<control::Outcome, control::Outcome> await_both(
      const std::function<void(control::Done)>& first,
      const std::function<void(control::Done)>& second, const std::function<void()>& between,
      const std::function<void()>& asked);
  /// Whether the table last published is in force.
  bool settled() const;
  void run_until(const std::function<bool()>& condition);

  /// Requests that finished at a version of the table in force.
  void observe(int model, bool canary, int count, bool failed, base::Duration total);

  /// The world is as it is shown: status, slot, table, answer.
  void check_rest();
  /// Every rollback that was decided has exactly one row; only when everything is committed.
  void check_history(bool after_start);
  void demand(bool holds, const std::string& what);

  /// What the status shows of a configured canary.
  Facts shown(int model) const;
  int published(int model) const;

 private:
  void publish(std::shared_ptr<const traffic::RoutingTable> table,
               std::function<void()> on_applied) override;
  void end_requests(const std::string&, const std::string&) override {}
  void announce(std::shared_ptr<const traffic::VersionAnswers> answers) override;
  void check_table(const traffic::RoutingTable& table);
  std::array<int, model_count> limits_before(const FileSpec& file) const;
  bool fits_slot(int model, int canary, const Facts& facts) const;
  void collapse();
  void settle_start(bool lost, bool latch_lost, const FileSpec& file, bool fallback);
  /// Waits until the journal's thread has done what it was asked for so far.
  void wait_for_journal();
  void apply();
  void die_if(Death here);
  std::string path(const char* name) const { return (dir_ / name).string(); }

  Shared& shared_;
  std::filesystem::path dir_;
  boost::asio::io_context io_;
  base::ManualClock clock_;
  stats::Registry registry_{2};
  std::optional<store::StateDir> state_dir_;
  std::optional<store::State> state_;
  std::optional<control::Controller> controller_;
  std::vector<std::pair<std::shared_ptr<const traffic::RoutingTable>, std::function<void()>>>
      on_the_way_;
  std::shared_ptr<const traffic::RoutingTable> last_, in_force_;
  std::shared_ptr<const traffic::VersionAnswers> announced_;
  int turns_ = 0;
  std::atomic<bool> disk_full_{false};  // the journal's thread reads it
};

}  // namespace canary::scenario
