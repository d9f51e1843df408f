#include "scenario/lives/life.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "config/load.hpp"
#include "support/forked.hpp"
#include "support/temp_dir.hpp"
#include "traffic/split.hpp"

namespace canary::scenario {

namespace {

int flag_of(const std::optional<base::BasisPoints>& flag) {
  return flag && *flag < full ? *flag : -1;
}

}  // namespace

void Shared::only(const World& world) {
  possible[0] = world;
  possible_count = 1;
  may_be_kept(possible[0]);
}

void Shared::may_be_kept(const World& world) {
  if (!world.has_accepted || std::count(kept, kept + kept_count, world.accepted) > 0) return;
  if (kept_count == std::ssize(kept)) --kept_count;
  kept[kept_count++] = world.accepted;
}

void Shared::either(std::initializer_list<World> worlds) {
  // The caller's worlds are often made from ours.
  const std::vector<World> copies(worlds);
  possible_count = static_cast<int>(copies.size());
  std::copy(copies.begin(), copies.end(), possible);
  for (const World& world : copies) may_be_kept(world);
}

void Shared::note(const std::string& line) {
  const std::size_t room = sizeof trace - 1 - trace_size;
  const std::size_t size = std::min(room, line.size() + 1);
  std::memcpy(trace + trace_size, (line + "\n").data(), size);
  trace_size += size;
}

Life::Life(Shared& shared, std::filesystem::path dir) : shared_(shared), dir_(std::move(dir)) {}

Life::~Life() = default;

void Life::demand(bool holds, const std::string& what) {
  if (holds) return;
  std::snprintf(shared_.failure, sizeof shared_.failure, "%s", what.c_str());
  throw Failed{};
}

void Life::die_if(Death here) {
  if (death == here) support::die();
}

bool Life::start(bool first) {
  const std::string text = support::read_file(path("gateway.yaml"));
  auto state_dir = store::StateDir::open(dir_ / "state");
  demand(state_dir.has_value(), "the state directory cannot be had");
  state_dir_.emplace(std::move(*state_dir));
  // What was kept as accepted is what was in force, or what was about to be.
  const auto accepted = state_dir_->load_accepted();
  const auto kept =
      std::find_if(shared_.kept, shared_.kept + shared_.kept_count,
                   [&](const FileSpec& file) { return accepted == text_of(file, path("state")); });
  demand(!accepted || kept != shared_.kept + shared_.kept_count,
         "the file kept as the last accepted one never was: " + accepted.value_or(""));
  for (World& world : shared_.possible) {
    if (accepted) world.accepted = *kept;
    world.has_accepted = accepted.has_value();
  }
  shared_.kept_count = 0;
  shared_.may_be_kept(shared_.now());
  const FileSpec last_accepted = shared_.now().accepted;
  bool fallback = shared_.disk.broken != 0;
  auto loaded = config::load(fallback ? accepted.value_or("") : text);
  demand(config::load(text).ok() == (shared_.disk.broken == 0), "load() judges otherwise: " + text);
  if (fallback && !accepted) return false;

  store::Journal::Options options;
  options.refuse = [this] { return disk_full_.load(); };
  auto state = store::open_state(*state_dir_, std::move(options));
  demand(state.has_value(), "the state cannot be had");
  state_.emplace(std::move(*state));
  const bool lost = state_->journal.lost, latch_lost = state_->latch.lost();
  controller_.emplace(control::Parts{.io = io_,
                                     .clock = clock_,
                                     .state_dir = *state_dir_,
                                     .state = *state_,
                                     .registry = registry_,
                                     .data_plane = *this,
                                     .config_path = path("gateway.yaml"),
                                     .tick_interval = base::Duration::zero()});
  if (!controller_->objections(loaded.config).empty()) {
    demand(
        fallback ? shared_.now().objects_to(last_accepted) : shared_.now().objects_to(shared_.disk),
        "an objection that nothing explains: " + controller_->objections(loaded.config).front());
    if (fallback || !accepted) return false;
    fallback = true;
    loaded = config::load(*accepted);
    if (!controller_->objections(loaded.config).empty()) return false;
  }
  const FileSpec file = fallback ? last_accepted : shared_.disk;
  const auto limits = limits_before(file);
  shared_.started = false;
  settle_start(lost, latch_lost, file, fallback);
  bool ready = false;
  controller_->start({loaded.config, fallback ? *accepted : text, fallback, {}},
                     [&ready] { ready = true; });
  die_if(Death::returned);
  run_until([&ready] { return ready; });
  for (int m = 0; m < model_count; ++m)
    demand(limits[m] < 0 || published(m) <= limits[m], "the start raised " + model_name(m) +
                                                           " from " + std::to_string(limits[m]) +
                                                           " to " + std::to_string(published(m)));
  collapse();
  shared_.started = true;
  if (!first) check_history(true);
  return true;
}

/// The weights last published by the life before, where the file asks for nothing else now.
std::array<int, model_count> Life::limits_before(const FileSpec& file) const {
  std::array<int, model_count> limits;
  limits.fill(-1);
  if (!shared_.started) return limits;  // the life before died before its file was in force
  for (int i = 0; i < shared_.possible_count; ++i)
    if (shared_.possible[i].fallback || !(shared_.possible[i].in_force == file)) return limits;
  for (int m = 0; m < model_count; ++m) limits[m] = shared_.published[m];
  return limits;
}

/// No status shows a canary that is not configured now; what is remembered of it is in its slot.
bool Life::fits_slot(int model, int canary, const Facts& facts) const {
  const auto slot = state_->latch.read(model_name(model), canary_name(model, canary));
  if (!slot) return true;
  const Facts shown = facts.as_shown();
  return slot->latched == shown.latched && flag_of(slot->flag) == shown.flag;
}

/// Of what may have come of the start, keeps what is shown.
void Life::collapse() {
  for (int i = 0; i < shared_.possible_count; ++i) {
    const World world = shared_.possible[i];
    bool same = true;
    for (int m = 0; m < model_count; ++m) {
      if (const Facts* facts = world.configured(m)) same = same && facts->as_shown() == shown(m);
      for (int c = 0; c < canary_count; ++c) same = same && fits_slot(m, c, world.key[m][c]);
    }
    if (same) return shared_.only(world);
  }
  std::string what = "the start came to what nothing explains:";
  for (int m = 0; m < model_count; ++m) {
    if (!shared_.now().configured(m)) continue;
    what += " " + model_name(m) + ": " + shown(m).text();
    for (int i = 0; i < shared_.possible_count; ++i)
      what += ", may be " + shared_.possible[i].configured(m)->text();
  }
  for (int m = 0; m < model_count; ++m)
    for (int c = 0; c < canary_count; ++c) {
      const auto slot = state_->latch.read(model_name(m), canary_name(m, c));
      if (!slot) continue;
      what += "; slot of " + canary_name(m, c) + ": flag " +
              (slot->flag ? std::to_string(*slot->flag) : "absent") +
              (slot->latched ? ", latched" : "") + ", known " + shared_.now().key[m][c].text();
    }
  demand(false, what);
}

/// Each world that was possible before, taken through the start.
void Life::settle_start(bool lost, bool latch_lost, const FileSpec& file, bool fallback) {
  for (int i = 0; i < shared_.possible_count; ++i) {
    World& world = shared_.possible[i];
    for (int m = 0; m < model_count; ++m)
      for (int c = 0; c < canary_count; ++c) {
        Facts& facts = world.key[m][c];
        if (latch_lost) facts.file = 0;
        if (latch_lost && lost) facts = Facts{};
        const ModelSpec& spec = file.model[m];
        if (!lost || !spec.present || spec.canary != c) continue;
        if (!facts.known) facts = Facts{true, -1, false, world.attempt(m, spec.attempt), 0, false};
        facts.latched = true;
        facts.attempt = std::max(facts.attempt, spec.attempt);
      }
    world = world.adopting(file, fallback, false);
    shared_.may_be_kept(world);
  }
  if (!lost) return;
  // The latch file keeps a rollback's words: the new history may begin with it.
  for (int m = 0; m < model_count; ++m)
    for (int c = 0; c < canary_count; ++c) {
      shared_.rollbacks[m][c] = Tally{};
      if (shared_.now().key[m][c].latched) shared_.rollbacks[m][c].most = 1;
    }
}

void Life::stop() {
  controller_->stop();
  controller_.reset();
  state_->journal.journal.reset();
}

void Life::write_file(const FileSpec& file) {
  support::write_file(path("gateway.yaml.new"), text_of(file, path("state")));
  std::filesystem::rename(path("gateway.yaml.new"), path("gateway.yaml"));
  shared_.disk = file;
}

/// The journal's thread writes nothing; the latch file has its room.
void Life::disk_full(bool full) {
  if (full == disk_full_) return;
  wait_for_journal();  // what was asked for before meets the disk as it was
  disk_full_ = full;
}

void Life::wait_for_journal() {
  std::atomic<bool> written{false};
  state_->journal.journal->history("", 1, [&written](const auto&) { written = true; });
  while (!written) std::this_thread::yield();
}

control::Outcome Life::await(const std::function<void(control::Done)>& command) {
  std::optional<control::Outcome> outcome;
  command([&outcome](control::Outcome result) { outcome = std::move(result); });
  die_if(Death::returned);
  if (death == Death::committed) {
    wait_for_journal();
    support::die();
  }
  run_until([&outcome] { return outcome.has_value(); });
  return *outcome;
}

std::pair<control::Outcome, control::Outcome> Life::await_both(
    const std::function<void(control::Done)>& first,
    const std::function<void(control::Done)>& second, const std::function<void()>& between,
    const std::function<void()>& asked) {
  std::optional<control::Outcome> one, other;
  first([&one](control::Outcome result) { one = std::move(result); });
  between();
  second([&other](control::Outcome result) { other = std::move(result); });
  asked();
  die_if(Death::returned);
  run_until([&] { return one.has_value() && other.has_value(); });
  return {*one, *other};
}

void Life::run_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    demand(std::chrono::steady_clock::now() < deadline, "what was awaited did not come");
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(turns_ > 0 ? 0 : 20));
    if (turns_ > 0 && --turns_ == 0) apply();
  }
}

bool Life::settled() const {
  const auto status = controller_->status();
  return status.table_generation == status.in_force_generation;
}

void Life::publish(std::shared_ptr<const traffic::RoutingTable> table,
                   std::function<void()> on_applied) {
  check_table(*table);
  shared_.generation = table->generation;
  ++shared_.tables;
  last_ = table;
  on_the_way_.emplace_back(std::move(table), std::move(on_applied));
  turns_ = 1 + lag;
  for (int m = 0; m < model_count; ++m) shared_.published[m] = published(m);
  die_if(Death::publish);
}

void Life::announce(std::shared_ptr<const traffic::VersionAnswers> answers) {
  announced_ = std::move(answers);
  die_if(Death::in_force);
}

void Life::apply() {
  const auto applied = std::exchange(on_the_way_, {});
  for (const auto& [table, on_applied] : applied) {
    in_force_ = table;
    on_applied();
  }
}

int Life::published(int model) const {
  for (const auto& m : last_->models)
    if (m.name == model_name(model)) return m.canary ? m.canary_weight : -1;
  return -1;
}

void Life::check_table(const traffic::RoutingTable& table) {
  demand(!last_ || table.generation > last_->generation, "the generation did not grow");
  for (const auto& model : table.models) {
    demand(model.canary_weight <= full, "a share above 100%");
    // The shares are what pick() makes of the 10000 buckets, around the edge at every publish.
    for (const int bucket : {0, model.canary_weight - 1, int{model.canary_weight}, full - 1}) {
      if (bucket < 0 || bucket >= full) continue;
      const bool canary =
          traffic::pick(model, {static_cast<std::uint32_t>(bucket), {}}).version->role ==
          traffic::Role::canary;
      demand(canary == (bucket < model.canary_weight), "a bucket on the wrong side of the edge");
    }
  }
  for (int m = 0; m < model_count; ++m) {
    int weight = -1;
    for (const auto& model : table.models)
      if (model.name == model_name(m) && model.canary) weight = model.canary_weight;
    std::string allowed;
    bool known = false;
    for (int i = 0; i < shared_.possible_count; ++i) {
      known = known || shared_.possible[i].weight(m) == weight;
      allowed += " " + std::to_string(shared_.possible[i].weight(m));
    }
    demand(known, "published " + std::to_string(weight) + " for " + model_name(m) +
                      ", may be one of" + allowed);
  }
}

void Life::observe(int model, bool canary, int count, bool failed, base::Duration total) {
  for (const auto& m : in_force_->models) {
    if (m.name != model_name(model)) continue;
    const stats::VersionStats& stats = canary ? *m.canary->stats : *m.stable.stats;
    stats::Observation seen;
    seen.outcome = failed ? stats::Outcome::server_error : stats::Outcome::ok;
    seen.code = failed ? 500 : 200;
    seen.error = failed;
    seen.first_byte = seen.total = total;
    for (int i = 0; i < count; ++i) {
      const auto worker = static_cast<std::size_t>(i % 2);
      stats.requests->at(worker).started.add();
      stats::record(stats.requests->at(worker), stats.latency->at(worker), *stats.latency, seen);
    }
  }
}

Facts Life::shown(int model) const {
  for (const auto& view : controller_->status().models) {
    if (view.model != model_name(model)) continue;
    Facts facts{
        true, -1, view.rollout.latched, static_cast<int>(view.rollout.attempt), view.weight.file,
        false};
    facts.flag = flag_of(view.rollout.flag);
    return facts;
  }
  return {};
}

void Life::check_rest() {
  World& world = shared_.possible[0];
  const auto status = controller_->status();
  demand(settled(), "a table is still on its way");
  shared_.at_rest = status.state_durable && !disk_full_;
  for (const auto& view : status.models) {
    const int m = view.model == "m" ? 0 : 1;
    shared_.at_rest = shared_.at_rest && view.durable;
    Facts* facts = world.configured(m);
    demand(view.canary.has_value() == (facts != nullptr), "another canary than the file's");
    if (!facts) continue;
    demand(facts->as_shown() == shown(m),
           view.model + " is " + shown(m).text() + ", must be " + facts->text());
    demand(view.weight.effective == facts->effective(), "another effective weight");
    demand(published(m) == facts->effective(), "another weight in the table");
    // The slot is what a start believes: never above what is in force.
    const auto slot = state_->latch.read(view.model, *view.canary);
    demand(slot.has_value(), "no slot");
    demand(slot->latched == facts->latched && slot->file == facts->file &&
               flag_of(slot->flag) == facts->as_shown().flag,
           "the slot of " + view.model + " says something else");
    if (!disk_full_ && (facts->file > 0 || facts->flag >= 0 || facts->latched))
      facts->recorded = true;
  }
  for (int m = 0; m < model_count; ++m) {
    const std::string* answer = announced_->find(model_name(m));
    demand((answer != nullptr) == world.in_force.model[m].present, "an answer about no model");
    if (answer)
      demand(*answer == world.answer(m),
             "model-version says " + *answer + " instead of " + world.answer(m));
  }
}

void Life::check_history(bool after_start) {
  if (!after_start && !shared_.at_rest) return;
  if (!after_start) {
    wait_for_journal();
    shared_.kept_count = 0;
    shared_.may_be_kept(shared_.now());
  }
  std::optional<std::vector<store::HistoryRow>> rows;
  controller_->history("", 1000, [&rows](auto result) {
    if (result) rows = std::move(*result);
  });
  run_until([&rows] { return rows.has_value(); });
  for (int m = 0; m < model_count; ++m)
    for (int c = 0; c < canary_count; ++c) {
      Tally& tally = shared_.rollbacks[m][c];
      const auto count = std::count_if(rows->begin(), rows->end(), [&](const auto& row) {
        return row.canary == canary_name(m, c) && row.entry.kind == config::EntryKind::rollback;
      });
      const int least = after_start ? tally.least : tally.most;
      demand(count >= least && count <= tally.most,
             std::to_string(count) + " rollbacks of " + canary_name(m, c) +
                 " in the history, not " + std::to_string(least) + ".." +
                 std::to_string(tally.most));
      tally.least = tally.most = static_cast<int>(count);
    }
}

}  // namespace canary::scenario
