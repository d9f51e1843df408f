// One life of a gateway among edits, commands, failures and harm, by seed. Runs in a child process,
// which is killed where the script says so; what it must keep stands in Facts.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "scenario/latches/facts.hpp"
#include "unit/control/control_fixture.hpp"

namespace canary::scenario {

/// Where in its last step the process is killed.
enum class Death : std::uint8_t { none, returned, publish, sent, committed, after };

/// Harms the latch file, not its name: `older` is a copy from before, if there is one.
/// What was done; empty: nothing could be.
std::string harm_latch(const std::filesystem::path& latch, const std::filesystem::path& older,
                       base::Random& random);
/// Another file: one or two things that people change.
File edited(File file, base::Random& random);

class Life {
 public:
  Life(Facts& facts, const support::TempDir& dir, std::uint64_t seed);

  Death death = Death::none;
  void start(bool disk_full);
  void step();
  /// SIGTERM: commits what is queued.
  void stop();

 private:
  struct Failed {};
  void demand(bool holds, const std::string& what);
  void hook();
  void on_publish();
  void on_notice(const notify::Notice& notice);
  void on_send(const notify::Message& message);
  void die_if(Death here);
  std::optional<control::Outcome> await(const std::function<void(control::Done)>& command);
  void rest();
  int one_named();
  std::string model_of(int version) const { return model_text(facts_.in_force.model_of(version)); }

  void edit();
  void flag(int version);
  void rollback(int version);
  void resume(int version);
  void promote_or_pause(int version);
  void forget();
  void fail(int version);
  void time_passes();
  void harm();
  void disk(bool full);

  Facts& facts_;
  const support::TempDir& dir_;
  base::Random random_;
  control::House house_;
  std::atomic<bool> disk_full_{false};  // the journal's thread reads it
  int rolling_back_ = -1;               // the version that the present step rolls back
  bool lowers_ = false;                 // the present step
};

}  // namespace canary::scenario
