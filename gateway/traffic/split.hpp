// Which version answers: override, else bucket against weight. The canary's range comes first, so
// that raising the weight only adds users and lowering it only removes them. Pure.
#pragma once

#include <string>

#include "base/random.hpp"
#include "traffic/request_view.hpp"
#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// What is decided once per request and kept when the table changes under it: the bucket and the
/// client's own wish. A second pick with a new table uses the same Draw.
struct Draw {
  enum class Wish : std::uint8_t { none, always, never };
  std::uint32_t bucket = 0;  // 0..9999
  Wish wish = Wish::none;
};

struct Pick {
  const Version* version = nullptr;
  bool overridden = false;  // the client's wish decided: never evidence
};

/// Draws for a request: its sticky key's bucket, or a random one without a key. `scratch` is for a
/// key that must be decoded.
Draw draw(const Model& model, const RequestView& request, base::Random& random,
          std::string& scratch);

/// Picks the version. Exact zero: at weight 0 no bucket is the canary's, and an override reaches it
/// only with `override.at_zero`.
Pick pick(const Model& model, const Draw& draw);

/// Whether a request that names this version may have it: exact zero holds for it too.
bool may_serve(const Model& model, const Version& version);

}  // namespace canary::traffic
