// One rehearsal: the scenario's world, the virtual data plane and the real control plane, moved
// together by a simulated clock, step by step, from the beginning to the end.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "rehearsal/house.hpp"
#include "rehearsal/story.hpp"

namespace canary::rehearsal {

struct Script {
  config::Config config;
  std::string config_text, config_name;
  config::Scenario scenario;  // each replacement of the file has its text
  std::uint64_t seed = 1;
};

/// Called now and then with the simulated time that has passed, and all of it.
using Progress = std::function<void(base::Duration now, base::Duration end)>;

class Rehearsal {
 public:
  Rehearsal(const Script& script, Progress progress);
  /// An error: the gateway did not start on the configuration.
  base::Result<Story> run();

 private:
  base::Duration planned_end() const;
  base::Duration step() const;
  void advance(base::Duration by);
  void fire_due();
  void fire(const config::Event& event);
  void act(const config::Event& event, const config::Act& act);
  void edit(const config::Event& event);
  void outage(const config::Outage& outage);
  void start_gateway();
  void mark_down();
  void answered(const std::string& model, const std::string& what, const control::Outcome& outcome);
  void look_closely();
  void note(const std::string& model, const std::string& what, const std::string& text);
  void look();
  void add_row(const store::HistoryRow& row);
  void snapshot();
  bool nothing_can_happen() const;
  void finish();
  std::string canary_of(const std::string& model) const;
  const control::ModelView* view_of(const std::string& model) const;

  const Script& script_;
  Progress progress_;
  base::ManualClock clock_;
  const base::WallTime begin_;
  base::Random random_;
  World world_;
  VirtualPlane plane_;
  Receivers receivers_;
  House house_;
  std::string text_;  // of the configuration file now
  control::StatusView status_;
  std::multimap<base::Duration, const config::Event*> due_;
  std::optional<base::Duration> starts_at_;  // the gateway, after an outage
  base::Duration now_{}, end_{}, window_{}, close_until_{}, fine_until_{}, last_news_{};
  bool open_ended_ = false;
  Story story_;
};

}  // namespace canary::rehearsal
