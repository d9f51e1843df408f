#include "scenario/lives/world.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace canary::scenario {
namespace {

std::string percent(int weight) {
  return base::format_percent(static_cast<base::BasisPoints>(weight));
}

int flag_term(const Facts& facts) { return facts.flag < 0 ? full : facts.flag; }
int cap_term(const Facts& facts) { return facts.latched ? 0 : full; }

bool rises(const Facts& before, const Facts& after) {
  if (before.effective() != after.effective()) return after.effective() > before.effective();
  return after.file > before.file || flag_term(after) > flag_term(before) ||
         cap_term(after) > cap_term(before);
}

}  // namespace

std::string model_name(int model) { return model == 0 ? "m" : "n"; }

std::string canary_name(int model, int canary) {
  return model_name(model) + (canary == 0 ? "_v2" : "_v3");
}

std::string stable_name(int model, const ModelSpec& spec) {
  return spec.stable_is_v2 ? canary_name(model, 0) : model_name(model) + "_v1";
}

std::string text_of(const FileSpec& file, const std::string& state_dir) {
  if (file.broken == 1) return "models: [\n";
  std::string text =
      "data: { listen: \"127.0.0.1:18080\" }\nstate_dir: " + state_dir + "\nmodels:\n";
  for (int i = 0; i < model_count; ++i) {
    const ModelSpec& spec = file.model[i];
    if (!spec.present) continue;
    const std::string name = model_name(i);
    text += "  " + name + ":\n    match: [{ path_prefix: /" + name + " }]\n";
    text += "    stable: { version: " + stable_name(i, spec) +
            ", endpoints: [\"http://127.0.0.1:9001\"]" +
            (spec.unproven ? ", unproven: accept" : "") + " }\n";
    if (spec.canary >= 0)
      text +=
          "    canary: { version: " + canary_name(i, spec.canary) +
          ", endpoints: [\"http://127.0.0.1:9002\"], rollout_percentage: " + percent(spec.weight) +
          " }\n";
    text +=
        "    attempt: " + (file.broken == 2 ? std::string("many") : std::to_string(spec.attempt)) +
        "\n    slo: { latency_p95: " + std::to_string(spec.slo_ms) +
        "ms }\n    judge: { method: threshold, window: 1m, min_samples: 20 }\n";
  }
  if (file.broken == 3) text += "    no_such_key: yes\n";
  return text;
}

int Facts::effective() const { return latched ? 0 : std::min(file, flag_term(*this)); }

Facts Facts::as_shown() const {
  Facts shown = *this;
  shown.recorded = false;
  if (shown.flag == full) shown.flag = -1;
  return shown;
}

std::string Facts::text() const {
  return "file " + std::to_string(file) + ", flag " + (flag < 0 ? "absent" : std::to_string(flag)) +
         (latched ? ", latched" : "") + ", attempt " + std::to_string(attempt);
}

const Facts* World::configured(int model) const {
  const ModelSpec& spec = in_force.model[model];
  return spec.present && spec.canary >= 0 ? &key[model][spec.canary] : nullptr;
}
Facts* World::configured(int model) {
  return const_cast<Facts*>(static_cast<const World*>(this)->configured(model));
}

int World::weight(int model) const {
  const Facts* facts = configured(model);
  return facts ? facts->effective() : -1;
}

std::string World::answer(int model) const {
  const ModelSpec& spec = in_force.model[model];
  const int share = std::max(weight(model), 0);
  const auto name = [](const std::string& version) { return "\"model\":\"" + version + "\""; };
  if (share == full) return "{" + name(canary_name(model, spec.canary)) + "}";
  if (share == 0) return "{" + name(stable_name(model, spec)) + "}";
  return "{" + name(stable_name(model, spec)) + ",\"canary\":{" +
         name(canary_name(model, spec.canary)) + ",\"rollout_percentage\":" + percent(share) + "}}";
}

bool World::objects_to(const FileSpec& file) const {
  for (int i = 0; i < model_count; ++i) {
    const ModelSpec& spec = file.model[i];
    // No rollout completes without a plan: whoever was a canary is unfinished.
    if (spec.present && spec.stable_is_v2 && !spec.unproven && key[i][0].known) return true;
  }
  return false;
}

World World::adopting(const FileSpec& file, bool as_fallback, bool disk_full) const {
  World next = *this;
  next.in_force = file;
  next.fallback = as_fallback;
  if (!as_fallback && !disk_full) {
    next.accepted = file;
    next.has_accepted = true;
  }
  for (int i = 0; i < model_count; ++i) {
    const ModelSpec& spec = file.model[i];
    for (int c = 0; c < canary_count; ++c) {
      Facts& facts = next.key[i][c];
      if (!spec.present || spec.canary != c) {
        facts.file = 0;
        continue;
      }
      if (!facts.known) facts = Facts{true, -1, false, next.attempt(i, spec.attempt), 0, false};
      facts.file = as_fallback ? std::min(spec.weight, facts.file) : spec.weight;
      if (spec.attempt > facts.attempt) {
        facts.attempt = spec.attempt;
        facts.latched = false;
      }
    }
    if (!spec.present) continue;
    const int highest = next.attempt(i, spec.attempt);
    for (Facts& facts : next.key[i])
      if (facts.known) facts.attempt = highest;
  }
  return next;
}

int World::attempt(int model, int at_least) const {
  for (const Facts& facts : key[model])
    if (facts.known) at_least = std::max(at_least, facts.attempt);
  return at_least;
}

bool rises(const World& before, const World& after) {
  for (int i = 0; i < model_count; ++i)
    for (int c = 0; c < canary_count; ++c)
      if (rises(before.key[i][c], after.key[i][c])) return true;
  return false;
}

}  // namespace canary::scenario
