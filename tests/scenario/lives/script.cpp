#include "scenario/lives/script.hpp"

#include <algorithm>

#include "support/forked.hpp"

namespace canary::scenario {
namespace {

using control::Done;
using control::Outcome;
using namespace std::chrono_literals;

constexpr int percentages[] = {0, 0, 1, 100, 1000, 2500, 5000, 9999, full};

std::string status_text(const Outcome& outcome) {
  return std::to_string(outcome.status) + " " + outcome.message;
}

}  // namespace

FileSpec edited(FileSpec file, base::Random& random) {
  file.broken = random.below(7) == 0 ? 1 + static_cast<int>(random.below(3)) : 0;
  for (std::uint32_t changes = 1 + random.below(2); changes > 0; --changes) {
    ModelSpec& spec = file.model[random.below(3) == 0 ? 1 : 0];
    switch (random.below(9)) {
      case 0:
      case 1:
      case 2:
        spec.weight = percentages[random.below(std::size(percentages))];
        break;
      case 3:
        ++spec.attempt;
        break;
      case 4:
        spec.attempt = std::max(1, spec.attempt - 1);
        break;
      case 5:
        spec.canary = spec.canary == 0 ? 1 : 0;
        if (random.below(6) == 0) spec.canary = -1;
        break;
      case 6:
        spec.slo_ms = spec.slo_ms == 200 ? 1000 : 200;
        break;
      case 7:
        file.model[1].present = !file.model[1].present;
        break;
      case 8:
        spec.stable_is_v2 = !spec.stable_is_v2;
        spec.unproven = random.below(2) == 0;
        break;
    }
    if (spec.stable_is_v2 && spec.canary == 0) spec.canary = 1;
  }
  return file;
}

int Script::percentage() { return percentages[random_.below(std::size(percentages))]; }

void Script::step() {
  ++shared_.steps;
  life_.lag = static_cast<int>(random_.below(3));
  const int model = random_.below(3) == 0 ? 1 : 0;
  switch (random_.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return set_flag(model, percentage());
    case 4:
      return clear_flag(model);
    case 5:
      return rollback(model);
    case 6:
    case 7:
      return resume(model);
    case 8:
    case 9:
    case 10:
    case 11:
      return reload(edited(shared_.now().in_force, random_));
    case 12:
    case 13:
    case 14:
      return evidence(model, static_cast<Evidence>(random_.below(5)));
    case 15:
      return slo_change_mid_window(model);
    case 16:
      return disk(!life_.is_disk_full() && random_.below(2) == 0);
    case 17:
    case 18:
      return raise_then_lower(model);
    default:
      return reload_then_lower(model);
  }
}

void Script::finish(const World& world) {
  shared_.only(world);
  life_.check_rest();
  if (random_.below(4) == 0) life_.check_history(false);
}

Script::Command Script::flag_command(int model, int percentage) {
  const std::string name = canary_name(model, canary(model));
  return {"flag of " + name + " " +
              (percentage < 0 ? std::string("removed") : std::to_string(percentage)),
          [=](World world) -> std::optional<World> {
            Facts& facts = *world.configured(model);
            if (facts.latched && percentage > 0) return std::nullopt;
            facts.flag = percentage;
            return world;
          },
          [=, this](Done done) {
            if (percentage < 0) return life_.controller().clear_flag(name, {"op", "why"}, done);
            life_.controller().set_flag(name, static_cast<base::BasisPoints>(percentage),
                                        {"op", "why"}, done);
          },
          false};
}

Script::Command Script::rollback_command(int model) {
  return {"rollback of " + model_name(model),
          [=](World world) -> std::optional<World> {
            Facts& facts = *world.configured(model);
            if (std::exchange(facts.latched, true)) return std::nullopt;
            return world;
          },
          [=, this](Done done) {
            life_.controller().rollback(model_name(model), rollout::Mode::immediate, {"op", "bad"},
                                        done);
          },
          true};
}

Script::Command Script::resume_command(int model) {
  return {"resume of " + model_name(model),
          [=](World world) -> std::optional<World> {
            Facts& facts = *world.configured(model);
            if (!std::exchange(facts.latched, false)) return std::nullopt;
            return world;
          },
          [=, this](Done done) {
            life_.controller().resume(model_name(model), {"op", "fixed"}, done);
          },
          false};
}

/// What the answer says came of a command that was decided in `now`.
World Script::outcome(const World& now, const Command& command, const Outcome& outcome) {
  const auto next = command.makes(now);
  const bool full_disk = life_.is_disk_full();
  if (!next) {
    life_.demand(outcome.status == 409, command.text + ": not refused: " + status_text(outcome));
    ++shared_.refused;
    return now;
  }
  if (full_disk && rises(now, *next)) {
    life_.demand(outcome.status == 503, command.text + ": raised without the disk");
    ++shared_.not_committed;
    return now;
  }
  life_.demand(outcome.status == 200, command.text + ": " + status_text(outcome));
  return *next;
}

void Script::perform(int model, const Command& command) {
  const World now = shared_.now();
  const auto next = command.makes(now);
  shared_.note(command.text);
  shared_.either({now, next.value_or(now)});
  Tally& tally = shared_.rollbacks[model][canary(model)];
  const bool rolls_back = command.rolls_back && next;
  if (rolls_back) ++tally.most;
  const Outcome answer = life_.await([&](const Done& done) {
    command.ask(done);
    // A lowering waits for nothing: the table is on its way before the call returns.
    if (next && !rises(now, *next))
      life_.demand(life_.published(model) == next->weight(model), "a lowering that waits");
  });
  const World world = outcome(now, command, answer);
  const bool changed =
      answer.status == 200 && !(*world.configured(model) == *now.configured(model));
  if (changed && life_.is_disk_full())
    life_.demand(!answer.durable, command.text + ": said to be durable on a full disk");
  finish(world);
}

void Script::set_flag(int model, int percentage) {
  if (has_canary(model)) return perform(model, flag_command(model, percentage));
  const Outcome answer = life_.await([&](Done done) {
    life_.controller().set_flag(canary_name(model, 0), 100, {"op", ""}, std::move(done));
  });
  life_.demand(answer.status == 404, "a flag of no canary: " + status_text(answer));
  finish(World(shared_.now()));
}

void Script::clear_flag(int model) {
  if (has_canary(model)) perform(model, flag_command(model, -1));
}
void Script::rollback(int model) {
  if (has_canary(model)) perform(model, rollback_command(model));
}
void Script::resume(int model) {
  if (has_canary(model)) perform(model, resume_command(model));
}

void Script::disk(bool full_disk) {
  shared_.note(full_disk ? "the disk is full" : "the disk has room");
  life_.disk_full(full_disk);
}

/// The watcher would try a file again that the disk did not take.
void Script::put_back_file() {
  FileSpec file = shared_.now().in_force;
  if (shared_.now().fallback) file.broken = 3;
  life_.write_file(file);
  const Outcome answer =
      life_.await([&](Done done) { life_.controller().reload("op", std::move(done)); });
  life_.demand(answer.status == (shared_.now().fallback ? 422 : 200), status_text(answer));
}

/// The file taken into force; the one that is there already is not taken up again.
World Script::taken_up(const World& now, const FileSpec& file) const {
  if (!now.fallback && text_of(file, "") == text_of(now.in_force, "")) return now;
  return now.adopting(file, false, life_.is_disk_full());
}

void Script::reload(const FileSpec& file) {
  const World now = shared_.now();
  shared_.note("reload of\n" + text_of(file, "STATE"));
  const bool unchanged = !now.fallback && text_of(file, "") == text_of(now.in_force, "");
  const bool refused = !unchanged && (file.broken != 0 || now.objects_to(file));
  const World next = refused ? now : taken_up(now, file);
  shared_.either({now, next});
  life_.write_file(file);
  const Outcome answer =
      life_.await([&](Done done) { life_.controller().reload("op", std::move(done)); });
  if (refused) {
    life_.demand(answer.status == 422, "a refused file: " + status_text(answer));
    life_.demand(!life_.controller().status().config.last_reload_ok, "the status is silent");
    ++shared_.refused;
    return finish(now);
  }
  if (life_.is_disk_full() && rises(now, next)) {
    life_.demand(answer.status == 503, "a file raised without the disk: " + status_text(answer));
    ++shared_.not_committed;
    put_back_file();
    return finish(World(shared_.now()));
  }
  life_.demand(answer.status == 200, "a good file: " + status_text(answer));
  finish(next);
}

/// Begins a window that holds nothing: what came before is older than it.
void Script::start_window() {
  life_.clock().advance(150s);
  life_.controller().tick();
}

void Script::evidence(int model, Evidence kind) {
  if (!has_canary(model)) return;
  const World now = shared_.now();
  World next = now;
  Facts& facts = *next.configured(model);
  const auto slo = std::chrono::milliseconds(now.in_force.model[model].slo_ms);
  start_window();
  switch (kind) {
    case Evidence::good:
      shared_.note("good evidence about " + model_name(model));
      life_.observe(model, true, 50, false, slo / 2);
      break;
    case Evidence::failing:
      shared_.note("the canary of " + model_name(model) + " fails");
      life_.observe(model, true, 50, true, slo / 2);
      break;
    case Evidence::slow:
      shared_.note("the canary of " + model_name(model) + " is slow");
      life_.observe(model, true, 50, false, slo * 2);
      break;
    case Evidence::shared_failure:
      shared_.note("both versions of " + model_name(model) + " fail");
      life_.observe(model, true, 50, true, slo / 2);
      life_.observe(model, false, 50, true, slo / 2);
      break;
    case Evidence::too_little:
      shared_.note("the canary of " + model_name(model) + " fails too few requests to judge");
      life_.observe(model, true, 10, true, slo / 2);
      break;
  }
  const bool fails = kind == Evidence::failing || kind == Evidence::slow;
  const bool rolls_back = fails && facts.effective() > 0;
  if (rolls_back) facts.latched = true;
  shared_.either({now, next});
  if (rolls_back) {
    ++shared_.rollbacks[model][canary(model)].most;
    ++shared_.rolled_back;
  }
  life_.clock().advance(1s);
  life_.controller().tick();
  life_.demand(life_.published(model) == next.weight(model), "the tick did not roll back at once");
  if (life_.death == Death::returned) support::die();
  life_.run_until([&] { return life_.settled(); });
  finish(next);
}

/// What was slow by the SLO it was served under says nothing about another one.
void Script::slo_change_mid_window(int model) {
  if (!has_canary(model)) return;
  FileSpec file = shared_.now().in_force;
  if (life_.is_disk_full() || shared_.now().objects_to(file)) return;
  const int before = file.model[model].slo_ms;
  const bool looser = random_.below(2) == 0;
  file.model[model].slo_ms = looser ? before * 10 : std::max(before / 10, 10);
  shared_.note("the SLO of " + model_name(model) + " changes mid-window");
  start_window();
  // Too slow only by one of the two.
  const auto latency = std::chrono::milliseconds(looser ? before * 3 : before / 2);
  life_.observe(model, true, 50, false, latency);
  reload(file);
  life_.controller().tick();
  life_.run_until([&] { return life_.settled(); });
  finish(World(shared_.now()));
}

void Script::raise_then_lower(int model) {
  if (!has_canary(model)) return;
  const World now = shared_.now();
  const bool latched = now.configured(model)->latched;
  const Command raise =
      latched ? resume_command(model) : flag_command(model, random_.below(2) == 0 ? full : 5000);
  const Command lower = random_.below(2) == 0 ? flag_command(model, 0) : rollback_command(model);
  shared_.note(raise.text + ", at once " + lower.text);
  Tally& tally = shared_.rollbacks[model][canary(model)];
  if (lower.rolls_back) ++tally.most;
  const World raised = raise.makes(now).value_or(now);
  const World lowered = lower.makes(now).value_or(now);
  const World both = lower.makes(raised).value_or(raised);
  shared_.either({now, raised});
  const auto [first, second] = life_.await_both(
      raise.ask, lower.ask,
      [&] {
        shared_.either({now, raised, lowered, both});
      },
      [&] {
        // Where the second could be decided at once, nothing may come back above it.
        if (!lower.rolls_back || !latched) shared_.either({lowered, both});
      });
  // Overtaken by the lowering, or performed before it.
  const bool overtaken = first.status == 409;
  const World between = overtaken ? now : outcome(now, raise, first);
  const World world = outcome(between, lower, second);
  if (lower.rolls_back && second.status != 200) --tally.most;
  finish(world);
}

void Script::reload_then_lower(int model) {
  if (!has_canary(model)) return;
  FileSpec file = shared_.now().in_force;
  file.model[model].weight = percentage();
  if (random_.below(4) == 0) ++file.model[model].attempt;
  const World now = shared_.now();
  if (now.objects_to(file)) return;
  const Command lower = random_.below(2) == 0 ? flag_command(model, 0) : rollback_command(model);
  shared_.note(lower.text + " while this is taken up:\n" + text_of(file, "STATE"));
  Tally& tally = shared_.rollbacks[model][canary(model)];
  if (lower.rolls_back) ++tally.most;
  const bool disk_full = life_.is_disk_full();
  const World adopted = taken_up(now, file);
  const World lowered = lower.makes(now).value_or(now);
  const World file_first = lower.makes(adopted).value_or(adopted);
  const World file_last = taken_up(lowered, file);
  shared_.either({now, adopted, lowered, file_first, file_last});
  life_.write_file(file);
  const auto [first, second] =
      life_.await_both([&](Done done) { life_.controller().reload("op", std::move(done)); },
                       lower.ask, [] {}, [] {});
  if (lower.rolls_back && second.status != 200) --tally.most;
  if (first.status != 200) {
    life_.demand(first.status == 503 && disk_full, "a good file: " + status_text(first));
    life_.demand(second.status == (lower.makes(now) ? 200 : 409), status_text(second));
    ++shared_.not_committed;
    shared_.only(lowered);
    put_back_file();
    return finish(lowered);
  }
  // Either order is one that the two could have come in.
  World world = second.status == 200 ? file_last : adopted;
  for (int m = 0; m < model_count; ++m)
    if (const Facts* facts = file_first.configured(m))
      if (second.status == 200 && facts->as_shown() == life_.shown(m))
        *world.configured(m) = *facts;
  finish(world);
}

}  // namespace canary::scenario
