// A YAML text as a tree of plain values that remember where they stand. This is the only place that
// sees yaml-cpp: its events, not its nodes, because nodes forget quotes and duplicate keys.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace canary::config {

struct Problem;

/// Where something stands in the text; counts from 1, as editors do. 0: not known.
struct Place {
  int line = 0;
  int column = 0;
};

struct Value {
  enum class Kind : unsigned char { nothing, scalar, list, map };
  struct Entry;

  Kind kind = Kind::nothing;
  bool quoted = false;  // '5' and "5" are words, never numbers
  Place place;
  std::size_t size = 1;        // values in this tree, this one included
  std::string text;            // of a scalar
  std::vector<Value> items;    // of a list
  std::vector<Entry> entries;  // of a map, in the file's order, duplicates included

  /// As a problem shows it: `120`, `'120'`, `true`, `a list`. Only figures and truth values are
  /// repeated: any other text may be a secret that was put under the wrong key.
  std::string describe() const;
};

struct Value::Entry {
  std::string key;
  Place place;
  Value value;
};

inline constexpr std::size_t max_text_bytes = 1 << 20;
inline constexpr std::size_t max_values = 100'000;  // aliases expanded
inline constexpr std::size_t max_depth = 64;

struct Document {
  Value root;
  std::vector<Problem> problems;  // at most one: nothing after it could be trusted
};

/// Reads one YAML document (an empty text is `nothing`). Refused: more than 1 MiB, NUL, invalid
/// UTF-8, a second document, keys that are not words, tags, merge keys, endless or huge aliases.
Document read_document(std::string_view text);

/// What problems say in the place of a text or a key that they do not repeat.
inline constexpr std::string_view hidden_text = "a text (not shown)";
inline constexpr std::string_view hidden_key = "(not shown)";

}  // namespace canary::config
