// Reads a request's body: one JSON object of known keys, flat but for `expect`. What a JSON library
// forgives is an error here: duplicate keys, numbers that are not finite, nesting, unknown keys.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
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
  bool is_null(std::string_view key) const;
  bool empty() const { return values_.empty(); }
  /// The object that is this key's value; nothing when the key is missing. An error for another
  /// value, or an unknown key in it.
  base::Result<std::optional<JsonBody>> object(
      std::string_view key, std::initializer_list<std::string_view> known_keys) const;
  /// Required: an error when the key is missing or of another type.
  base::Result<double> number(std::string_view key) const;
  /// A text of one line, at most `max_length` bytes; `fallback` when the key is missing.
  base::Result<std::string> text(std::string_view key, std::size_t max_length,
                                 std::string fallback = {}) const;

 private:
  using Values = std::map<std::string, Value, std::less<>>;
  Values values_;
  std::map<std::string, Values, std::less<>> objects_;
};

}  // namespace canary::admin
