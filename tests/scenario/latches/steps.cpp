// The steps of a life: each first says what may come of it.
#include "scenario/latches/life.hpp"
#include "store/latch_format.hpp"
#include "support/forked.hpp"

namespace canary::scenario {

using control::Done;
using control::Outcome;
using namespace std::chrono_literals;

std::string harm_latch(const std::filesystem::path& latch, const std::filesystem::path& older,
                       base::Random& random) {
  std::error_code error;
  const auto bytes = store::latch_format::file_bytes;
  switch (random.below(7)) {
    case 0: {
      const auto size = random.below(bytes);
      std::filesystem::resize_file(latch, size, error);
      return "the latch file is cut to " + std::to_string(size);
    }
    case 1:
      std::filesystem::remove(latch, error);
      return "the latch file is removed";
    case 2:
      support::damage(latch, 256 * (1 + random.below(6)), std::string(256, '\0'));
      return "a slot of the latch file is zeroed";
    case 3:
      support::damage(latch, 0, std::string(bytes, '\0'));
      return "the latch file is zeroed";
    case 4:
      if (!std::filesystem::exists(older)) return {};
      std::filesystem::copy_file(older, latch, std::filesystem::copy_options::overwrite_existing,
                                 error);
      return older_copy;
    case 5:
      std::filesystem::remove(latch, error);
      std::filesystem::create_directory(latch, error);
      return "the latch file is a directory";
    default: {
      const auto at = random.below(bytes);
      support::damage(latch, at, std::string(1, static_cast<char>(random.below(256))));
      return "byte " + std::to_string(at) + " of the latch file is another";
    }
  }
}

File edited(File file, base::Random& random) {
  for (auto changes = 1 + random.below(2); changes > 0; --changes) {
    ModelLine& line = file.model[random.below(model_names)];
    switch (random.below(9)) {
      case 0:
        line.attempt += 1 + static_cast<int>(random.below(2));
        break;
      case 1:
        line.attempt = std::max(1, line.attempt - 1);
        break;
      case 2:
        line.weight = static_cast<int>(random.below(5)) * 2500;
        break;
      case 3:
        line.plan = !line.plan;
        break;
      case 4:
        line.present = !line.present;
        break;
      case 5: {  // two models change their lines: renamed, or swapped
        ModelLine& other = file.model[random.below(model_names)];
        std::swap(line, other);
        break;
      }
      default: {  // another canary, which leaves where it was
        const int canary = static_cast<int>(random.below(versions + 1)) - 1;
        for (ModelLine& each : file.model)
          if (canary >= 0 && each.canary == canary) each.canary = line.canary;
        line.canary = canary;
        line.present = true;
      }
    }
  }
  bool any = false;
  for (const ModelLine& line : file.model) any = any || line.present;
  if (!any) file.model[0].present = true;
  return file;
}

void Life::step() {
  ++facts_.steps;
  const int v = one_named();
  switch (random_.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      edit();
      break;
    case 4:
      flag(v);
      break;
    case 5:
    case 6:
      rollback(v);
      break;
    case 7:
      resume(v);
      break;
    case 8:
      promote_or_pause(v);
      break;
    case 9:
      forget();
      break;
    case 10:
      fail(v);
      break;
    case 11:
      time_passes();
      break;
    case 12:
      harm();
      break;
    default:
      disk(random_.below(2) == 0);
  }
  rest();
  die_if(Death::after);
}

void Life::edit() {
  const File next = edited(facts_.in_force, random_);
  facts_.note("file\n" + next.text("S"));
  bool must_be_open[versions] = {};
  for (int m = 0; m < model_names; ++m)
    if (next.model[m].present && next.model[m].canary >= 0)
      must_be_open[next.model[m].canary] = next.model[m].attempt > facts_.highest_written;
  for (const ModelLine& line : next.model)
    if (line.present) facts_.highest_written = std::max(facts_.highest_written, line.attempt);
  const File before = facts_.in_force;
  bool pending[versions];
  for (int v = 0; v < versions; ++v) pending[v] = facts_.version[v].pending;
  const auto put = [this](const File& file) {
    facts_.file = file;
    support::write_file(house_.config_path() + ".new", file.text(house_.state_path().string()));
    std::filesystem::rename(house_.config_path() + ".new", house_.config_path());
  };
  facts_.about_to_adopt(next);
  put(next);
  const auto outcome =
      await([this](Done done) { house_.controller->reload("op", std::move(done)); });
  if (outcome->status == 200) {
    facts_.adopted(next, true);
    for (const auto& model : house_.controller->status().models)
      if (model.canary)
        for (int v = 0; v < versions; ++v)
          demand(version_text(v) != *model.canary || !must_be_open[v] || !model.rollout.latched,
                 "an attempt that nobody has seen did not open " + *model.canary);
    return;
  }
  demand(outcome->status == 503 && disk_full_, "refused: " + outcome->message);
  facts_.about_to_adopt(before);
  put(before);
  const auto back = await([this](Done done) { house_.controller->reload("op", std::move(done)); });
  // After a start on a full disk it is not wholly in force: its raises wait.
  demand(back->status == 200 || (back->status == 503 && disk_full_),
         "the file in force is refused: " + back->message);
  for (int v = 0; v < versions; ++v) facts_.version[v].pending = pending[v];
  facts_.adopted(before, back->status == 200);
}

void Life::flag(int v) {
  if (v < 0) return;
  const int percentage = static_cast<int>(random_.below(3)) * 2000;
  facts_.note("flag of " + version_text(v) + " at " + std::to_string(percentage));
  facts_.version[v].limit = full;
  const bool clear = random_.below(4) == 0;
  await([&](Done done) {
    if (clear) return house_.controller->clear_flag(version_text(v), {"op", "x"}, std::move(done));
    house_.controller->set_flag(version_text(v), static_cast<base::BasisPoints>(percentage),
                                {"op", "x"}, std::move(done));
  });
}

void Life::rollback(int v) {
  if (v < 0) return;
  const auto mode = random_.below(3) == 0 ? rollout::Mode::gradual : rollout::Mode::immediate;
  facts_.note(std::string(rollout::mode_name(mode)) + " rollback of " + version_text(v));
  rolling_back_ = v;
  lowers_ = true;
  const bool was_closed = facts_.version[v].closed;
  const std::string model = model_of(v);
  const auto outcome = await([&](Done done) {
    house_.controller->rollback(model, mode, {"op", "because"}, std::move(done));
  });
  demand(outcome->status == 200 || was_closed || mode == rollout::Mode::gradual,
         "a rollback is refused: " + outcome->message);
  demand(facts_.version[v].told, "nobody was told of a rollback");
}

void Life::resume(int v) {
  if (v < 0) return;
  facts_.note("resume of " + version_text(v));
  const bool was_closed = std::exchange(facts_.version[v].closed, false);
  facts_.version[v].limit = full;
  const std::string model = model_of(v);
  const auto outcome = await([&](Done done) {
    house_.controller->resume(model, {"op", "mended"}, std::move(done));
  });
  if (was_closed && outcome->status == 200) ++facts_.opened;
}

void Life::promote_or_pause(int v) {
  if (v < 0) return;
  const bool promote = random_.below(2) == 0;
  facts_.note((promote ? "promote " : "pause ") + version_text(v));
  facts_.version[v].limit = full;
  const std::string model = model_of(v);
  await([&](Done done) {
    if (promote) return house_.controller->promote(model, {"op", "x"}, std::move(done));
    house_.controller->pause(model, {"op", "x"}, std::move(done));
  });
}

void Life::forget() {
  const int v = static_cast<int>(random_.below(versions));
  const bool named = facts_.in_force.model_of(v) >= 0;
  facts_.note("forget " + version_text(v));
  if (!named) facts_.version[v].closed = false;
  const auto outcome = await([&](Done done) {
    house_.controller->forget(version_text(v), {"op", "gone"}, std::move(done));
  });
  demand((outcome->status == 409) == named, "forget answers " + std::to_string(outcome->status));
}

void Life::fail(int v) {
  if (v < 0) return;
  const int m = facts_.in_force.model_of(v);
  if (facts_.version[v].closed || facts_.version[v].limit == 0) return;
  facts_.note(version_text(v) + " fails");
  house_.clock.advance(150s);
  rolling_back_ = v;
  lowers_ = true;
  house_.observe(version_text(v), 50, true, 10ms, model_text(m));
  house_.clock.advance(1s);
  house_.controller->tick();
  die_if(Death::returned);
  house_.run_until([this] { return house_.settled(); });
  demand(facts_.version[v].closed, "a failing canary of " + model_text(m) + " is not rolled back");
}

/// Holds end, ladders go down.
void Life::time_passes() {
  facts_.note("a minute passes");
  for (Version& version : facts_.version) version.limit = full;
  house_.clock.advance(61s);
  for (int i = 0; i < 4; ++i) {
    house_.controller->tick();
    house_.run_until([this] { return house_.settled(); });
    house_.clock.advance(1s);
  }
}

/// The file is harmed under the gateway: until the next look a kill may take with it what only the
/// file knew; afterwards nothing is lost.
void Life::harm() {
  Version before[versions];
  int seen[model_names];
  std::copy(std::begin(facts_.version), std::end(facts_.version), before);
  std::copy(std::begin(facts_.seen), std::end(facts_.seen), seen);
  const auto latch = house_.state_path() / "latch";
  const std::string what = harm_latch(latch, dir_ / "older" / "latch", random_);
  facts_.latch_file_harmed(what);
  ++facts_.harms;
  facts_.note("under the gateway: " + what);
  die_if(Death::returned);
  house_.clock.advance(11s);
  house_.controller->tick();
  const auto decoded = store::latch_format::decode_file(support::read_file(latch));
  demand(decoded.damage.empty(), "not made anew: " + decoded.damage + ", after " + what);
  std::copy(std::begin(before), std::end(before), facts_.version);
  std::copy(std::begin(seen), std::end(seen), facts_.seen);
  facts_.latch_file_lost = false;
}

void Life::disk(bool is_full) {
  facts_.note(is_full ? "the disk is full" : "the disk has room");
  disk_full_ = is_full;
}

}  // namespace canary::scenario
