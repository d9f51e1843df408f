#include "traffic/kserve.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/percent.hpp"
#include "traffic/percent.hpp"

namespace canary::traffic {
namespace {

constexpr std::string_view v1_models = "/v1/models/", v2_models = "/v2/models/";
constexpr std::string_view versions = "/versions/";

/// Whether percent-decoding gives `plain`. A `%` that begins no code equals nothing.
bool decodes_to(std::string_view encoded, std::string_view plain) {
  for (const char expected : plain) {
    if (encoded.empty()) return false;
    const base::PercentChar next = base::decode_first(encoded);
    if (next.value != expected || (next.value == '%' && !next.is_code())) return false;
    encoded.remove_prefix(next.length);
  }
  return encoded.empty();
}

/// Behind the model's name and one separator; the whole name when it does not begin so.
std::string_view short_name(const Version& version, const Model& model) {
  const std::string_view name = version.name;
  const std::size_t prefix = model.name.size();
  if (name.size() < prefix + 2 || !name.starts_with(model.name)) return name;
  const bool separated = std::string_view("_-.").find(name[prefix]) != std::string_view::npos;
  return separated ? name.substr(prefix + 1) : name;
}

/// `1` of `v1`; otherwise as it is.
std::string_view number(std::string_view name) {
  const bool numbered = name.size() > 1 && name[0] == 'v' && name[1] >= '0' && name[1] <= '9';
  return numbered ? name.substr(1) : name;
}

}  // namespace

KservePath read_kserve(config::Kserve protocol, std::string_view name, std::string_view path) {
  switch (protocol) {
    case config::Kserve::none:
      break;
    case config::Kserve::v1:
      if (!take_decoded(path, v1_models)) break;
      return {decodes_to(path, name) || decodes_to(path.substr(0, path.rfind(':')), name), {}};
    case config::Kserve::v2: {
      if (!take_decoded(path, v2_models)) break;
      const std::size_t end = std::min(path.find('/'), path.size());
      if (!decodes_to(path.substr(0, end), name)) break;
      path.remove_prefix(end);
      if (!take_decoded(path, versions)) return {true, {}};
      return {true, path.substr(0, path.find('/'))};
    }
  }
  return {};
}

const Version* named_version(const Model& model, std::string_view encoded) {
  const Version* const canary = model.canary ? &*model.canary : nullptr;
  const auto find = [&](auto name_of) -> const Version* {
    for (const Version* version : {&model.stable, canary})
      if (version && decodes_to(encoded, name_of(*version))) return version;
    return nullptr;
  };
  const auto whole = [](const Version& version) { return std::string_view(version.name); };
  const auto behind = [&](const Version& version) { return short_name(version, model); };
  const auto counted = [&](const Version& version) { return number(behind(version)); };
  const Version* found = find(whole);
  if (!found) found = find(behind);
  return found ? found : find(counted);
}

std::size_t kserve_length(std::string_view name) { return v2_models.size() + name.size(); }

}  // namespace canary::traffic
