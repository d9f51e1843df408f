// Reads a request's body: one flat JSON object of known keys. What a JSON library forgives is an
// error here: duplicate keys, numbers that are not finite, nesting, unknown keys.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.hpp"

namespace canary::admin {

class JsonBody {
 public:
  using Value = std::variant<std::monostate, bool, double, std::string>;  // monostate: null

  /// An empty text is an empty object. The error is fit to be shown to whoever sent it.
  static base::Result<JsonBody> read(std::string_view text,
                                     std::initializer_list<std::string_view> known_keys);

  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  /// Required: an error when the key is missing or of another type.
  base::Result<double> number(std::string_view key) const;
  /// A text of one line, at most `max_length` bytes; `fallback` when the key is missing.
  base::Result<std::string> text(std::string_view key, std::size_t max_length,
                                 std::string fallback = {}) const;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace canary::admin
