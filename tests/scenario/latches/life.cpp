#include "scenario/latches/life.hpp"

#include "store/latch_format.hpp"
#include "support/forked.hpp"

namespace canary::scenario {

using control::Done;
using control::Outcome;
using namespace std::chrono_literals;

namespace {

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

int version_of(const std::string& text) {
  for (int v = 0; v < versions; ++v)
    if (version_text(v) == text) return v;
  return -1;
}

}  // namespace

Life::Life(Facts& facts, const support::TempDir& dir, std::uint64_t seed)
    : facts_(facts), dir_(dir), random_(seed), house_(dir) {
  house_.disk_refuses = [this] { return disk_full_.load(); };
  house_.plane.on_publish = [this] { on_publish(); };
  house_.notifier.on_notice = [this](const auto& notice) { on_notice(notice); };
  house_.notifier.on_send = [this](const auto& message) { on_send(message); };
  // Time goes on over the lives.
  house_.clock.advance(std::chrono::hours(++facts_.life));
}

void Life::demand(bool holds, const std::string& what) {
  if (holds) return;
  std::snprintf(facts_.failure, sizeof facts_.failure, "%s", what.c_str());
  throw Failed{};
}

void Life::die_if(Death here) {
  if (death == here) support::die();
}

/// By now the slots hold what the table says.
void Life::on_publish() {
  for (const auto& model : house_.plane.last().models) {
    const int v = model.canary ? version_of(model.canary->name) : -1;
    if (v < 0) continue;
    Version& version = facts_.version[v];
    if (lowers_) version.limit = std::min(version.limit, int{model.canary_weight});
    if (v != rolling_back_ || model.canary_weight > 0) continue;
    if (!version.closed) ++facts_.rollbacks;
    version.told = version.closed || version.ladder;
    version.closed = true;
    version.recorded = false;
    rolling_back_ = -1;
  }
  die_if(Death::publish);
}

/// A rollback has one id and one wording, however often it is told.
void Life::on_notice(const notify::Notice& notice) {
  if (notice.kind != config::NoticeKind::rollback) return;
  // Only where the file names neither the version nor its model may nobody know it.
  bool known = facts_.file.model_of(version_of(notice.canary)) >= 0;
  for (int m = 0; m < model_names; ++m)
    known = known || (facts_.file.model[m].present && model_text(m) == notice.model);
  demand(!known || !notice.stable.empty(),
         "a rollback's message names no stable version: " + notice.reason);
  const std::string words = std::to_string(notice.time.time_since_epoch().count()) + notice.reason +
                            notice.trigger + notice.actor + notice.stable + notice.mode +
                            std::to_string(notice.before) + ">" + std::to_string(notice.after);
  const std::uint64_t id = hash_of(notice.id);
  for (int i = 0; i < facts_.told_count; ++i) {
    if (facts_.told[i].id != id) continue;
    if (facts_.told[i].words == 0) facts_.told[i].words = hash_of(words);
    demand(facts_.told[i].words == hash_of(words),
           "told again in other words: " + words + ", before: " + facts_.told[i].begin);
    return;
  }
  if (facts_.told_count == Facts::told_room) return;
  Facts::Told& told = facts_.told[facts_.told_count++];
  told = {id, hash_of(words), 0, version_of(notice.canary)};
  std::snprintf(told.begin, sizeof told.begin, "%s", words.c_str());
}

void Life::on_send(const notify::Message& message) {
  for (int i = 0; i < facts_.told_count; ++i) {
    Facts::Told& told = facts_.told[i];
    if (told.id != hash_of(message.id)) continue;
    demand(told.life != facts_.life, "one rollback was told twice in one life");
    told.life = facts_.life;
    if (told.version >= 0) facts_.version[told.version].told = true;
  }
  house_.journal->settle(message.id, message.receiver);
  die_if(Death::sent);
}

std::optional<Outcome> Life::await(const std::function<void(Done)>& command) {
  std::optional<Outcome> outcome;
  command([&outcome](Outcome result) { outcome = std::move(result); });
  die_if(Death::returned);
  if (death == Death::committed) {
    house_.history();
    support::die();
  }
  house_.run_until([&outcome] { return outcome.has_value(); });
  return outcome;
}

void Life::start(bool disk_full) {
  ++facts_.starts;
  facts_.about_to_start();
  facts_.about_to_adopt(facts_.file);
  int limits[versions];
  for (int v = 0; v < versions; ++v) limits[v] = facts_.version[v].limit;
  disk_full_ = disk_full;
  house_.start();
  die_if(Death::returned);
  facts_.adopted(facts_.file, !disk_full);  // raises wait for the disk
  for (const auto& model : house_.controller->status().models) {
    if (!model.canary) continue;
    const int v = version_of(*model.canary);
    demand(model.weight.effective <= limits[v], "the start raised " + *model.canary + " from " +
                                                    std::to_string(limits[v]) + " to " +
                                                    std::to_string(model.weight.effective));
    demand(!facts_.version[v].must_latch || model.rollout.latched,
           "what nobody remembers is open: " + *model.canary);
  }
  for (Version& version : facts_.version) version.must_latch = false;
  facts_.starting = false;
  rest();
  for (int v = 0; v < versions; ++v)
    demand(facts_.version[v].told, "nobody was told of the rollback of " + version_text(v));
  die_if(Death::after);
}

/// What is shown keeps the rules, and the facts learn what is certain again.
void Life::rest() {
  house_.run_until([this] { return house_.settled(); });
  for (const auto& model : house_.controller->status().models) {
    if (!model.canary) continue;
    Version& version = facts_.version[version_of(*model.canary)];
    const bool latched = model.rollout.latched;
    demand(latched || !version.closed, "the latch of " + *model.canary + " is open");
    demand(!latched || model.weight.effective == 0, "latched with a weight");
    version.closed = latched;
    version.ladder = model.rollout.status == rollout::Status::rolling_back;
    version.limit = model.weight.effective;
    if (!disk_full_ && model.durable) version.recorded = true;
    const auto slot = house_.latch().read(model.model, *model.canary);
    demand(slot && slot->latched == latched, "the slot of " + *model.canary + " says another");
  }
  lowers_ = false;
  rolling_back_ = -1;
}

void Life::stop() {
  disk_full_ = false;
  house_.run_until([this] {
    for (const auto& model : house_.controller->status().models)
      if (!model.durable) return false;
    return true;  // a refusal that the full disk did not take is not tried again
  });
  house_.crash();
  for (Version& version : facts_.version) version.recorded = true;
  facts_.orderly = true;
}

int Life::one_named() {
  int named[model_names], count = 0;
  for (const ModelLine& line : facts_.in_force.model)
    if (line.present && line.canary >= 0) named[count++] = line.canary;
  return count == 0 ? -1 : named[random_.below(static_cast<std::uint64_t>(count))];
}

}  // namespace canary::scenario
