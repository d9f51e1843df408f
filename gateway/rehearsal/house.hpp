// The control plane of a rehearsal: a real controller with a real journal, latch file and state
// directory, in a private directory that is removed afterwards. It can be stopped, killed and
// started again on what it left there. Runs the control thread's loop by itself: after each call
// everything that it caused has come back, whatever the disk's speed.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/controller.hpp"
#include "rehearsal/receivers.hpp"
#include "rehearsal/virtual_plane.hpp"

namespace canary::rehearsal {

class House {
 public:
  /// `file_name` is what messages call the configuration.
  House(const base::ManualClock& clock, VirtualPlane& plane, Receivers& receivers,
        const std::string& file_name);
  ~House();
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  /// Replaces the configuration file; nobody reads it before start() or reload.
  base::Result<void> write_file(const std::string& text);
  /// Starts a gateway on the file, or on the last accepted one. An error: it refuses to.
  base::Result<void> start();
  void stop(bool killed);
  bool running() const { return controller_.has_value(); }

  void tick();
  /// A command, until it is answered.
  control::Outcome command(const std::function<void(control::Controller&, control::Done)>& ask);
  void disk_full(bool full);

  /// Whether anything was written, or tried to be, since the last call.
  bool has_news();
  /// The history's rows since the last call, oldest first.
  std::vector<store::HistoryRow> take_rows();
  control::StatusView status() const { return controller_->status(); }

 private:
  base::Result<void> open();
  control::Parts parts();
  store::Journal& journal() { return *state_->journal.journal; }
  void settle();
  std::vector<store::HistoryRow> newest_rows(std::size_t limit);
  void fence();
  void answer_version(const std::string& model,
                      const std::function<void(base::Result<std::string>)>& answer);

  const base::ManualClock& clock_;
  VirtualPlane& plane_;
  Receivers& receivers_;
  std::filesystem::path directory_, config_path_;
  boost::asio::io_context io_;
  // Answers come from other threads: while there is nothing else to do, they are waited for.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> awaited_{
      io_.get_executor()};
  std::unique_ptr<stats::Registry> registry_;
  std::optional<store::StateDir> state_dir_;
  std::optional<store::State> state_;
  std::optional<control::Controller> controller_;
  std::atomic<bool> disk_full_{false};
  std::uint64_t fenced_ = 0;  // journal jobs that have come back
  bool news_ = false;
  std::int64_t last_row_ = 0;
};

}  // namespace canary::rehearsal
