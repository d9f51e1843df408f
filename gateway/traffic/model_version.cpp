#include "traffic/model_version.hpp"

#include "base/json_text.hpp"

namespace canary::traffic {
namespace {

// `"model":"m_v1"` and, while split, `,"canary":{...}`: the fields without their braces.
std::string fields(const Model& model) {
  const bool all_canary = model.canary && model.canary_weight == base::full_weight;
  std::string out = "\"model\":";
  base::append_json_string(out, all_canary ? model.canary->name : model.stable.name);
  if (!model.canary || all_canary || model.canary_weight == 0) return out;
  out += ",\"canary\":{\"model\":";
  base::append_json_string(out, model.canary->name);
  out += ",\"rollout_percentage\":" + base::format_percent(model.canary_weight) + "}";
  return out;
}

}  // namespace

const std::string* VersionAnswers::find(std::string_view model) const {
  if (model.empty()) return &all;
  const auto found = by_model.find(model);
  return found == by_model.end() ? nullptr : &found->second;
}

std::shared_ptr<const VersionAnswers> render_model_version(const RoutingTable& table) {
  auto answers = std::make_shared<VersionAnswers>();
  answers->generation = table.generation;
  std::string list;
  for (const Model& model : table.models) {
    const std::string body = fields(model);
    answers->by_model[model.name] = "{" + body + "}";
    if (!list.empty()) list += ',';
    list += "{\"name\":" + base::json_string(model.name) + "," + body + "}";
  }
  if (table.models.size() == 1)
    answers->all = answers->by_model.begin()->second;
  else
    answers->all = "{\"models\":[" + list + "]}";
  return answers;
}

}  // namespace canary::traffic
