// Paths that name a model, as KServe's protocols define them. Pure, allocation-free. Any character
// of a path may be percent-encoded; it is compared decoded, byte by byte.
//   v1: /v1/models/{model}  /v1/models/{model}:predict
//   v2: /v2/models/{model}  /v2/models/{model}/...  /v2/models/{model}/versions/{version}[/...]
#pragma once

#include <string_view>

#include "traffic/routing_table.hpp"

namespace canary::traffic {

struct KservePath {
  bool names_model = false;
  std::string_view version;  // as it stands in the path; empty: none is named
};
/// Whether `path` names the model `name` in that protocol.
KservePath read_kserve(config::Kserve protocol, std::string_view name, std::string_view path);

/// The version that a path names, or nullptr. Of comp-critic's comp-critic_v1 that is its whole
/// name, the part behind the model's name (`v1`), or that part's number (`1`), in this order.
const Version* named_version(const Model& model, std::string_view encoded);

/// How much of a path it takes to name `name`: comparable with the length of a path prefix.
std::size_t kserve_length(std::string_view name);

}  // namespace canary::traffic
