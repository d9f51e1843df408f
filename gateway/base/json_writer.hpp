// Writes JSON in the order it is told, with numbers as people write them (10, not 1E1).
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "base/json_text.hpp"

namespace canary::base {

class JsonWriter {
 public:
  template <class Body>
  JsonWriter& object(Body&& body) {
    open('{');
    body();
    out_ += '}';
    return *this;
  }
  template <class Body>
  JsonWriter& array(Body&& body) {
    open('[');
    body();
    out_ += ']';
    return *this;
  }
  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    return *this;
  }
  JsonWriter& value(std::string_view text) {
    separate();
    append_json_string(out_, text);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool yes) { return raw(yes ? "true" : "false"); }
  template <std::integral T>
  JsonWriter& value(T number) {
    return raw(std::to_string(number));
  }
  JsonWriter& value(double number) {
    separate();
    append_json_number(out_, number);
    return *this;
  }
  JsonWriter& null() { return raw("null"); }

  template <class T>
  JsonWriter& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  /// The text, or null when it is empty.
  JsonWriter& field_or_null(std::string_view name, std::string_view text) {
    key(name);
    return text.empty() ? null() : value(text);
  }

  std::string take() { return std::move(out_); }

 private:
  // A comma, unless this is the first thing in an object or array, or the value of a key.
  void separate() {
    if (!out_.empty() && std::string_view("{[:").find(out_.back()) == std::string_view::npos)
      out_ += ',';
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
  }
  JsonWriter& raw(std::string_view text) {
    separate();
    out_ += text;
    return *this;
  }

  std::string out_;
};

}  // namespace canary::base
