#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {

void read_root(Section& root, Config& out) {
  root["data"].section([&](Section& data) { read_data(data, out.data); });
  root["admin"].section([&](Section& admin) { read_admin(admin, out.admin); });
  root["observe"].section([&](Section& observe) { read_observe(observe, out.observe.emplace()); });
  std::string state_dir = out.state_dir.string();
  root["state_dir"].text(state_dir, is_file_path, "the path of a directory");
  out.state_dir = state_dir;
  root["access_log"].section([&](Section& log) { read_access_log(log, out.access_log.emplace()); });
  const Field models = root.required("models", "at least one model");
  models.entries([&](const std::string& name, const Field& field) {
    Model& model = out.models.emplace_back();
    model.name = name;
    field.section([&](Section& section) { read_model(section, model); });
  });
  if (models.is_map() && out.models.empty()) models.problem("at least one model");
  read_notify(root["notify"], out.notify);
}

}  // namespace canary::config
