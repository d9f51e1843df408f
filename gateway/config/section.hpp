// How the parse_*.cpp files read: a Section is a map of known keys, a Field is one value with its
// path. Every reader leaves `out` as it was (the default) when the key is absent, and records a
// problem when the value is not what it asks for; nothing throws. Adding a key is one line:
//
//   section["header"].duration(out.header, {1ms, 1h});
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "config/report.hpp"

namespace canary::config {

class Section;

struct DurationRange {
  base::Duration least;
  base::Duration most;
};
struct NumberRange {
  std::uint64_t least;
  std::uint64_t most;
};

class Field {
 public:
  /// `value` is nullptr when the key is absent; `key` is where the key stands.
  Field(const Value* value, Place key, std::string path, Report& report)
      : value_(value), key_(key), path_(std::move(path)), report_(&report) {}

  bool present() const { return value_ != nullptr; }
  Place place() const { return value_ ? value_->place : key_; }
  const std::string& path() const { return path_; }
  bool is_map() const { return value_ && value_->kind == Value::Kind::map; }
  bool is_list() const { return value_ && value_->kind == Value::Kind::list; }
  bool is_empty_list() const { return is_list() && value_->items.empty(); }

  /// Records that this value is not `expected`.
  void problem(std::string expected) const;

  void duration(base::Duration& out, DurationRange range) const;
  void size(std::uint64_t& out, NumberRange range) const;
  /// `or_else` begins what is expected, for a caller that accepts a word as well: "auto or ".
  template <std::unsigned_integral T>
  void number(T& out, NumberRange range, std::string_view or_else = "") const {
    std::uint64_t value = out;
    if (read_number(value, range, or_else)) out = static_cast<T>(value);
  }
  void boolean(bool& out) const;
  /// Per cent, 0..most.
  void percent(double& out, double most) const;
  /// Per cent, 0..100 in steps of 0.01.
  void weight(base::BasisPoints& out) const;
  /// Any word that `accepts`; `what` says which those are.
  void text(std::string& out, bool (*accepts)(std::string_view), std::string_view what) const;
  /// What `parse` makes of a word; its error says what was expected. A text that YAML takes for a
  /// number or a boolean needs quotes.
  template <class T>
  void parsed(T& out, base::Result<T> (*parse)(std::string_view)) const {
    const std::string* word = scalar("a word");
    if (!word) return;
    auto result = parse(*word);
    if (std::is_same_v<T, std::string> && looks_unquoted(*word))
      problem("a text in quotes");
    else if (result)
      out = std::move(result.value());
    else
      problem(result.error().message());
  }
  template <class E>
  void choice(E& out, std::initializer_list<std::pair<std::string_view, E>> choices) const {
    const std::string* word = scalar(names(choices));
    if (!word) return;
    for (const auto& [name, value] : choices) {
      if (*word != name) continue;
      out = value;
      return;
    }
    problem(names(choices));
  }
  /// The one word that is understood today, such as `format: json`.
  void only(std::string_view word) const;
  /// Calls read(section), then reports the keys that it did not ask for.
  void section(const std::function<void(Section&)>& read) const;
  /// Calls read(element) for each element.
  void list(const std::function<void(const Field&)>& read) const;
  /// As `list`, but a single word stands for a list of one.
  void one_or_more(const std::function<void(const Field&)>& read) const;
  /// Calls read(name, value) for each entry of a map whose keys are names.
  void entries(const std::function<void(const std::string&, const Field&)>& read) const;

  /// The machinery behind this key does not exist: only values in `off`, which ask for nothing
  /// (`0`, `false`, `[]`), are accepted.
  void not_yet(std::initializer_list<std::string_view> off = {}) const;

  /// The text of a scalar; otherwise nullptr, and a problem when something else stands there.
  const std::string* scalar(std::string_view expected) const;

 private:
  std::string shown() const;  // the value, for a problem
  bool looks_unquoted(std::string_view word) const;
  template <class Choices>
  static std::string names(const Choices& choices) {
    std::string out;
    for (const auto& choice : choices) (out += out.empty() ? "" : " or ") += choice.first;
    return out;
  }
  // Of a plain scalar: quotes make a word of a number.
  const std::string* plain(std::string_view expected) const;
  bool read_number(std::uint64_t& out, NumberRange range, std::string_view or_else) const;

  const Value* value_;
  Place key_;
  std::string path_;
  Report* report_;
};

class Section {
 public:
  Section(const Value* map, Place key, std::string path, Report& report)
      : map_(map), key_(key), path_(std::move(path)), report_(&report) {}

  Field operator[](std::string_view key);
  /// As [], and a problem when the key is absent.
  Field required(std::string_view key, std::string_view what);
  bool describing() const { return report_->describing(); }
  /// A problem unless exactly one of the keys asked for so far is present.
  void exactly_one() const;
  /// A problem unless at least one of the keys asked for so far is present.
  void at_least_one() const;
  /// Reports duplicates and every key that nobody asked for, with the nearest known one.
  void finish() const;

 private:
  std::string path_to(std::string_view key) const;
  std::string known_list() const;
  std::string shown_key(const std::string& key) const;
  std::size_t count_present() const;

  const Value* map_;  // nullptr while describing
  Place key_;
  std::string path_;
  Report* report_;
  std::vector<std::string> asked_;
};

/// A map's entries without those whose key stood before, which are reported; `show` says how.
std::vector<const Value::Entry*> first_entries(
    const Value& map, const std::string& path,
    const std::function<std::string(const std::string& key)>& show, Report& report);

/// Whether nothing that stands below `path` is ever repeated, not even a figure.
bool holds_secrets(std::string_view path);

/// A name that the file gives, such as a model's, as problems show it: what is no name may be a
/// secret that was put there.
std::string shown_name(const std::string& name);

}  // namespace canary::config
