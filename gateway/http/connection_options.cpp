#include "http/connection_options.hpp"

#include "base/text.hpp"
#include "http/syntax.hpp"

namespace canary::http {

std::string_view ConnectionOptions::add(std::string_view value) {
  std::string_view problem;
  base::for_each_element(value, [&](std::string_view option) {
    if (base::iequals(option, "close")) {
      close = true;
    } else if (base::iequals(option, "keep-alive")) {
      keep_alive = true;
    } else if (base::iequals(option, "upgrade")) {
      upgrade = true;
    } else if (!is_token(option)) {
      problem = "Connection is not a list of names";
    } else if (field_kind(option) == FieldKind::plain) {
      if (count_ == max_listed)
        problem = "Connection lists too many fields";
      else
        listed_[count_++] = option;
    }
  });
  return problem;
}

bool ConnectionOptions::lists(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (base::iequals(listed_[i], name)) return true;
  return false;
}

}  // namespace canary::http
