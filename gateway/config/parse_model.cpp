// models.<name>: its routes and its versions.
#include "config/address.hpp"
#include "config/host.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

void read_header_match(const Field& field, Match& out) {
  if (field.present() && !field.is_map()) return field.problem("one header, as { Name: value }");
  std::size_t count = 0;
  field.entries([&](const std::string& name, const Field& value) {
    if (!is_token(name)) value.problem("a header value under " + std::string(token_rule));
    out.header_name = name;
    value.text(out.header_value, is_header_value, header_value_rule);
    ++count;
  });
  if (field.is_map() && count != 1) field.problem("exactly one header, as { Name: value }");
}

void read_kserve_match(Section& section, bool has_prefix, const Model& model, Match& out) {
  const Field kserve = section["kserve"];
  kserve.choice(out.kserve, {{"v1", Kserve::v1}, {"v2", Kserve::v2}});
  if (kserve.present() && has_prefix) kserve.problem("path_prefix or kserve, not both");
  section.at_least_one();
  const Field name = section["name"];
  name.text(out.served_name, is_served_name, served_name_rule);
  if (name.present() && !kserve.present()) name.problem("kserve beside it");
  if (out.kserve != Kserve::none && out.served_name.empty()) out.served_name = model.name;
}

void read_version(Section& section, Version& out) {
  section.required("version", name_rule).text(out.name, is_name, name_rule);
  const Field endpoints = section.required("endpoints", "at least one http://host:port");
  endpoints.list([&](const Field& element) {
    EndpointUrl url;
    element.parsed(url, parse_endpoint);
    if (url.host.empty()) return;
    const auto same = [authority = url.authority()](const EndpointUrl& other) {
      return other.authority() == authority;
    };
    if (std::any_of(out.endpoints.begin(), out.endpoints.end(), same))
      element.problem("each endpoint once");
    out.endpoints.push_back(std::move(url));
  });
  if (endpoints.is_empty_list()) endpoints.problem("at least one http://host:port");
}

}  // namespace

void read_match(const Field& list, Model& out) {
  list.list([&](const Field& element) {
    Match& match = out.match.emplace_back();
    element.section([&](Section& section) {
      const Field prefix = section["path_prefix"];
      prefix.text(match.path_prefix, is_path_prefix, path_prefix_rule);
      section["host"].parsed(match.host, parse_host);
      read_header_match(section["header"], match);
      read_kserve_match(section, prefix.present(), out, match);
    });
  });
  if (list.is_empty_list()) list.problem("at least one entry");
}

void read_stable(Section& section, Model& out) {
  read_version(section, out.stable);
  const Field unproven = section["unproven"];
  unproven.only("accept");
  out.stable_unproven = unproven.present();
}

/// Whether the percentage stands in the file.
bool read_canary(Section& section, Canary& out) {
  read_version(section, out);
  const Field percentage = section["rollout_percentage"];
  percentage.weight(out.rollout_percentage);
  return percentage.present();
}

void read_model(Section& section, Model& out) {
  read_match(section.required("match", "at least one entry, such as - path_prefix: /v1"), out);
  section.required("stable", "a version and its endpoints").section([&](Section& stable) {
    read_stable(stable, out);
  });
  bool asked = false;
  section["canary"].section(
      [&](Section& canary) { asked = read_canary(canary, out.canary.emplace()); });
  section["attempt"].number(out.attempt, {1, 4294967295});
  read_traffic(section, out);
  read_judging(section, out);
  // A plan decides by itself; the file's percentage is then only a ceiling.
  if (out.plan && out.canary && !asked) out.canary->rollout_percentage = base::full_weight;
}

}  // namespace canary::config
