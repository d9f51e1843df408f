#include "http/connection_options.hpp"

#include "base/text.hpp"

namespace canary::http {

bool ConnectionOptions::add(std::string_view value) {
  bool room = true;
  base::for_each_element(value, [&](std::string_view option) {
    if (base::iequals(option, "close")) {
      close = true;
    } else if (base::iequals(option, "keep-alive")) {
      keep_alive = true;
    } else if (base::iequals(option, "upgrade")) {
      upgrade = true;
    } else if (field_kind(option) == FieldKind::plain) {
      if (count_ == max_listed)
        room = false;
      else
        listed_[count_++] = option;
    }
  });
  return room;
}

bool ConnectionOptions::lists(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (base::iequals(listed_[i], name)) return true;
  return false;
}

}  // namespace canary::http
