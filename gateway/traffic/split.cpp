#include "traffic/split.hpp"

#include "traffic/bucket.hpp"

namespace canary::traffic {
namespace {

Draw::Wish wish_in(std::string_view text) {
  if (text == "always") return Draw::Wish::always;
  if (text == "never") return Draw::Wish::never;
  return Draw::Wish::none;
}

// A header that says neither word does not hide the cookie.
Draw::Wish wish_of(const config::Override& allowed, const RequestView& request) {
  Draw::Wish wish = Draw::Wish::none;
  if (!allowed.header.empty()) wish = wish_in(header_value(request, allowed.header));
  if (wish == Draw::Wish::none && !allowed.cookie.empty())
    wish = wish_in(cookie(request, allowed.cookie));
  return wish;
}

}  // namespace

Draw draw(const Model& model, const RequestView& request, base::Random& random,
          std::string& scratch) {
  Draw draw;
  const std::string_view key = sticky_key(model.settings.sticky, request, scratch);
  draw.bucket = key.empty() ? random.below(base::full_weight) : bucket(model.name, key);
  if (model.settings.override_) draw.wish = wish_of(*model.settings.override_, request);
  return draw;
}

Pick pick(const Model& model, const Draw& draw) {
  // A table that came after the draw may have taken the override, or the canary, away.
  const config::Override* allowed = model.settings.override_ ? &*model.settings.override_ : nullptr;
  const Draw::Wish wish = allowed ? draw.wish : Draw::Wish::none;
  if (wish == Draw::Wish::never) return {&model.stable, true};
  if (!model.canary) return {&model.stable, false};
  if (wish == Draw::Wish::always && (model.canary_weight > 0 || allowed->at_zero))
    return {&*model.canary, true};
  return {draw.bucket < model.canary_weight ? &*model.canary : &model.stable, false};
}

bool may_serve(const Model& model, const Version& version) {
  const bool at_zero = model.settings.override_ && model.settings.override_->at_zero;
  return version.role == Role::stable || model.canary_weight > 0 || at_zero;
}

}  // namespace canary::traffic
