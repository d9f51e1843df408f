#include "admin/token.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace canary::admin {

bool bears(std::string_view authorization, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() < scheme.size()) return false;
  if (!base::iequals(authorization.substr(0, scheme.size()), scheme)) return false;
  const std::string_view given = base::trim(authorization.substr(scheme.size()));
  unsigned difference = given.size() != token.size();
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    difference |= static_cast<unsigned char>(c ^ token[i]);
  }
  return difference == 0;
}

bool FailureBrake::allows(base::MonoTime now) {
  if (now > last_) {
    left_ = std::min(burst, left_ + std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

}  // namespace canary::admin
