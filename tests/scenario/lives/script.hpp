// What happens to a gateway in one life, by seed: operators, edits, evidence, a full disk, and what
// of it comes together in one turn of the loop. Every step first says what may come of it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "scenario/lives/life.hpp"

namespace canary::scenario {

/// Another file: one or two things that people change.
FileSpec edited(FileSpec file, base::Random& random);

class Script {
 public:
  Script(Life& life, Shared& shared, std::uint64_t seed)
      : life_(life), shared_(shared), random_(seed) {}

  /// A step at random.
  void step();

  // The steps; named tests put them together by hand.
  void set_flag(int model, int percentage);
  void clear_flag(int model);
  void rollback(int model);
  void resume(int model);
  void reload(const FileSpec& file);
  void disk(bool full);
  enum class Evidence : std::uint8_t { good, failing, slow, shared_failure, too_little };
  void evidence(int model, Evidence kind);
  void slo_change_mid_window(int model);
  void raise_then_lower(int model);
  void reload_then_lower(int model);

 private:
  /// A command in the world's terms: what it makes of it, nothing when it must be refused.
  struct Command {
    std::string text;
    std::function<std::optional<World>(const World&)> makes;
    std::function<void(control::Done)> ask;
    bool rolls_back = false;
  };
  Command flag_command(int model, int percentage);
  Command rollback_command(int model);
  Command resume_command(int model);
  void perform(int model, const Command& command);
  World outcome(const World& now, const Command& command, const control::Outcome& outcome);
  void put_back_file();
  World taken_up(const World& now, const FileSpec& file) const;
  void start_window();
  int canary(int model) const { return shared_.now().in_force.model[model].canary; }
  bool has_canary(int model) const { return shared_.now().configured(model) != nullptr; }
  void finish(const World& world);
  int percentage();

  Life& life_;
  Shared& shared_;
  base::Random random_;
};

}  // namespace canary::scenario
