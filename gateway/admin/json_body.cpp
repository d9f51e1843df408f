#include "admin/json_body.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>

#include "base/nearest_word.hpp"

namespace canary::admin {
namespace {

namespace json = boost::json;

// The one key whose value is an object.
constexpr std::string_view nested_key = "expect";

using Keys = std::initializer_list<std::string_view>;

bool is_known(std::string_view key, Keys known) {
  return std::find(known.begin(), known.end(), key) != known.end();
}

/// `unknown key 'expects' in the body (known: by, expect; did you mean expect?)`
std::string unknown_key(const std::string& key, const std::string& where, Keys known) {
  return "unknown key '" + key + "' in " + where + " (" +
         base::known_words(key, {known.begin(), known.end()}, "none is known") + ")";
}

// Boost.JSON's events, collected as an object. Returning false stops the parser; `problem` then
// says why in our words.
struct FlatObject {
  static constexpr std::size_t max_object_size = 64;
  static constexpr std::size_t max_array_size = 64;
  static constexpr std::size_t max_key_size = 256;
  static constexpr std::size_t max_string_size = 64 << 10;

  using Values = std::map<std::string, JsonBody::Value, std::less<>>;
  explicit FlatObject(Keys known_keys) : known(known_keys) {}

  Keys known;
  Values values;
  std::map<std::string, Values, std::less<>> objects;
  std::string problem;
  std::string key, partial;
  int depth = 0;

  bool fail(std::string what, json::error_code& code) {
    problem = std::move(what);
    code = json::make_error_code(json::error::extra_data);
    return false;
  }
  bool put(JsonBody::Value value, json::error_code& code) {
    if (depth == 0) return fail("expected a JSON object", code);
    const std::string name = std::exchange(key, {});
    const bool nested = depth == 2;
    if (!nested && objects.contains(name)) return twice(name, code);
    auto& place = nested ? objects.find(nested_key)->second : values;
    return place.emplace(name, std::move(value)).second || twice(name, code);
  }
  /// An object or an array where none may be: of a misspelt key that is not what is wrong.
  bool misplaced(const std::string& what, int key_depth, json::error_code& code) {
    if (key_depth == 1 && !is_known(key, known))
      return fail(unknown_key(key, "the body", known), code);
    return fail("'" + key + "' may not be " + what, code);
  }
  bool twice(const std::string& name, json::error_code& code) {
    return fail("the key '" + name + "' stands there twice", code);
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& code) {
    if (depth++ == 0) return true;
    if (depth > 2 || key != nested_key) return misplaced("an object", depth - 1, code);
    const std::string name = std::exchange(key, {});
    if (values.contains(name) || !objects.emplace(name, Values()).second) return twice(name, code);
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    if (depth == 2) --depth;
    return true;
  }
  bool on_array_begin(json::error_code& code) {
    if (depth == 0) return fail("expected a JSON object", code);
    return misplaced("an array", depth, code);
  }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    key.append(part.data(), part.size());
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    partial.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& code) {
    partial.append(part.data(), part.size());
    return put(std::exchange(partial, {}), code);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, json::error_code& code) {
    return put(static_cast<double>(value), code);
  }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& code) {
    return put(static_cast<double>(value), code);
  }
  bool on_double(double value, json::string_view, json::error_code& code) {
    if (!std::isfinite(value)) return fail("'" + key + "' is too large a number", code);
    return put(value, code);
  }
  bool on_bool(bool value, json::error_code& code) { return put(value, code); }
  bool on_null(json::error_code& code) { return put(std::monostate{}, code); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

/// About the first key that is not known; empty when all are.
template <class Map>
std::string first_unknown(const Map& map, const std::string& where, Keys known) {
  for (const auto& [key, value] : map)
    if (!is_known(key, known)) return unknown_key(key, where, known);
  return {};
}

}  // namespace

base::Result<JsonBody> JsonBody::read(std::string_view text,
                                      std::initializer_list<std::string_view> known_keys) {
  JsonBody body;
  if (text.empty()) return body;
  json::basic_parser<FlatObject> parser{json::parse_options{}, known_keys};
  json::error_code code;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
  const std::string& problem = parser.handler().problem;
  if (!problem.empty()) return base::Error("the body is not usable: " + problem);
  if (code) return base::Error("the body is not JSON: " + code.message());
  if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
    return base::Error("the body is not JSON: there is text behind the object");
  body.values_ = std::move(parser.handler().values);
  body.objects_ = std::move(parser.handler().objects);
  std::string unknown = first_unknown(body.values_, "the body", known_keys);
  if (unknown.empty()) unknown = first_unknown(body.objects_, "the body", known_keys);
  if (!unknown.empty()) return base::Error(std::move(unknown));
  return body;
}

bool JsonBody::is_null(std::string_view key) const {
  const auto found = values_.find(key);
  return found != values_.end() && std::holds_alternative<std::monostate>(found->second);
}

base::Result<std::optional<JsonBody>> JsonBody::object(
    std::string_view key, std::initializer_list<std::string_view> known_keys) const {
  if (has(key)) return base::Error("'" + std::string(key) + "' must be an object");
  const auto found = objects_.find(key);
  if (found == objects_.end()) return std::optional<JsonBody>();
  if (auto unknown = first_unknown(found->second, "'" + std::string(key) + "'", known_keys);
      !unknown.empty())
    return base::Error(std::move(unknown));
  JsonBody object;
  object.values_ = found->second;
  return std::optional<JsonBody>(std::move(object));
}

base::Result<double> JsonBody::number(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return base::Error("the body needs '" + std::string(key) + "'");
  if (const double* value = std::get_if<double>(&found->second)) return *value;
  return base::Error("'" + std::string(key) + "' must be a number");
}

base::Result<std::string> JsonBody::text(std::string_view key, std::size_t max_length,
                                         std::string fallback) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return {boost::system::in_place_value, std::move(fallback)};
  const auto* value = std::get_if<std::string>(&found->second);
  if (!value) return base::Error("'" + std::string(key) + "' must be a text");
  if (value->size() > max_length)
    return base::Error("'" + std::string(key) + "' is longer than " + std::to_string(max_length) +
                       " bytes");
  for (const char c : *value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return base::Error("'" + std::string(key) + "' holds a control character");
  return {boost::system::in_place_value, *value};
}

}  // namespace canary::admin
