#include "control/unknown_name.hpp"

#include "base/nearest_word.hpp"

namespace canary::control {
namespace {

Outcome no_such(const std::string& what, const std::string& name,
                const std::vector<std::string>& known) {
  Outcome outcome;
  outcome.status = 404;
  outcome.message = "no " + what + " " + name + " is configured (" +
                    base::known_words(name, known, "there is none") + ")";
  return outcome;
}

}  // namespace

Outcome no_such_model(const config::Config& config, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& model : config.models) known.push_back(model.name);
  return no_such("model", name, known);
}

Outcome no_such_canary(const config::Config& config, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& model : config.models)
    if (model.canary) known.push_back(model.canary->name);
  return no_such("canary version", name, known);
}

}  // namespace canary::control
