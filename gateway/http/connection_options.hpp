// The Connection field: what the peer wants of the connection, and which fields end with it
// (RFC 9110, 7.6.1).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "http/field_kind.hpp"

namespace canary::http {

struct ConnectionOptions {
  static constexpr std::size_t max_listed = 16;  // bounds the work that one head can cause

  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;

  /// Takes one Connection field's value. Says what is wrong with it: something in the list is no
  /// token, or it lists more than max_listed names. Empty: nothing is.
  std::string_view add(std::string_view value);

  /// Does the field end here because Connection lists it? Only FieldKind::plain can: a client must
  /// not be able to take away what the gateway itself says (Host, framing, X-Forwarded-*,
  /// X-Request-Id), what authorizes or traces the request, or what says how to read its body.
  bool removes(std::string_view name, FieldKind kind) const {
    return count_ != 0 && kind == FieldKind::plain && lists(name);
  }
  /// What is listed, to be changed: f(std::string_view&).
  template <class F>
  void for_each_listed(const F& f) {
    for (std::size_t i = 0; i < count_; ++i) f(listed_[i]);
  }

 private:
  bool lists(std::string_view name) const;

  std::size_t count_ = 0;
  std::array<std::string_view, max_listed> listed_;
};

}  // namespace canary::http
