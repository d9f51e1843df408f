#include "config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "config/load.hpp"
#include "config/text_check.hpp"

namespace canary::config {
namespace {

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }
YAML::Mark mark_of(Place place) {
  YAML::Mark mark;
  mark.line = place.line - 1;
  mark.column = place.column - 1;
  return mark;
}

// Collects the events of one document. The only way to stop yaml-cpp's parser is to throw: every
// refusal is a ParserException, as a syntax error is, and none leaves read_document.
class Builder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    begin(Value::Kind::nothing, mark, anchor);
    end();
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    Value& value = begin(Value::Kind::scalar, mark, anchor);
    value.text = text;
    value.quoted = tag == "!";
    end();
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias inside the value that it names");
    charge(mark, found->second.size);
    attach(Value(found->second), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    begin(Value::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    begin(Value::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { end(); }

  Value root;
  Place start() const { return start_; }

 private:
  // A value that has begun and not ended; a map's key waits in it for its value.
  struct Open {
    Value value;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    Place key_place;
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, const char* why) {
    throw YAML::ParserException(mark, why);
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "a tag; values carry none here");
  }

  void charge(const YAML::Mark& mark, std::size_t values) {
    values_ += values;
    if (values_ > max_values) refuse(mark, "more than 100000 values, aliases expanded");
  }

  Value& begin(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    charge(mark, 1);
    if (open_.size() >= max_depth) refuse(mark, "more than 64 levels");
    Open& open = open_.emplace_back();
    open.value.kind = kind;
    open.value.place = place_of(mark);
    open.anchor = anchor;
    return open.value;
  }

  void end() {
    Value value = std::move(open_.back().value);
    const YAML::anchor_t anchor = open_.back().anchor;
    open_.pop_back();
    if (anchor != 0) {
      charge(mark_of(value.place), value.size);
      anchors_[anchor] = value;
    }
    const YAML::Mark mark = mark_of(value.place);
    attach(std::move(value), mark);
  }

  void attach(Value value, const YAML::Mark& mark) {
    if (open_.empty()) {
      root = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == Value::Kind::map && !parent.has_key) {
      if (value.kind != Value::Kind::scalar) refuse(mark, "a key that is not a word");
      if (value.text == "<<") refuse(mark, "a merge key; write the keys out");
      parent.has_key = true;
      parent.key = std::move(value.text);
      parent.key_place = value.place;
      return;
    }
    parent.value.size += value.size;
    if (parent.value.kind == Value::Kind::map) {
      parent.has_key = false;
      parent.value.entries.push_back({std::move(parent.key), parent.key_place, std::move(value)});
    } else {
      parent.value.items.push_back(std::move(value));
    }
  }

  Place start_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Value> anchors_;
  std::size_t values_ = 0;
};

Problem refused(Place place, std::string found, std::string expected) {
  return {place.line, place.column, "", std::move(found), std::move(expected)};
}

// What yaml-cpp's messages mean to people. It finds that something has not ended where the next
// thing begins: the line that is named is the one behind the mistake.
struct Meaning {
  const char *message, *found, *expected;
};
const Meaning meanings[] = {
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a list that began before here and is not closed",
     "',' or ']'"},
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "a map that began before here and is not closed",
     "',' or '}'"},
    {YAML::ErrorMsg::END_OF_SEQ, "a line that fits neither the map nor the list above it",
     "'key: value' or '- ' indented as those above it"},
    {YAML::ErrorMsg::END_OF_MAP, "a line that fits neither the map nor the list above it",
     "'key: value' or '- ' indented as those above it"},
    {YAML::ErrorMsg::FLOW_END, "a ']' or '}' that closes nothing", "one for each '[' and '{'"},
    {YAML::ErrorMsg::MAP_VALUE, "a ':' where no value can begin",
     "one 'key: value' a line, no tab before it, and quotes around a text with ': ' in it"},
    {YAML::ErrorMsg::MAP_KEY, "a key where none can stand", "one 'key: value' a line"},
    {YAML::ErrorMsg::BLOCK_ENTRY, "a '- ' where no list can begin",
     "the list's items below their key, each on a line of its own"},
    {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation", "spaces"},
    {YAML::ErrorMsg::EOF_IN_SCALAR, "a text in quotes that is not closed", "its closing quote"},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "'---' or '...' in a text in quotes that is not closed",
     "its closing quote"},
    {YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that no value begins with",
     "quotes around the value"},
    {"unknown escape character", "an unknown '\\' escape in double quotes",
     "single quotes, or '\\\\' for the character itself"},
    {YAML::ErrorMsg::UNKNOWN_ANCHOR, "an alias of an anchor that is not defined",
     "'&name' before '*name'"},
};

// Some of yaml-cpp's messages end with a word of the text: "... is not defined: NAME".
std::string without_quote(const std::string& message) {
  return message.substr(0, message.find_first_of(":'\""));
}

// The place of the byte at `offset`.
Place place_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(offset - line_start) + 1};
}

// 120, -1, 0.5%, 1h30m, 64KiB, 0x10, 1e3, .inf, yes, nothing at all: what can be no secret.
bool is_figure(std::string_view text) {
  constexpr std::string_view words[] = {"true", "True", "TRUE", "false", "False", "FALSE", "yes",
                                        "no",   "on",   "off",  "null",  "auto",  ".inf",  ".nan"};
  constexpr std::size_t longest = 24, most_parts = 3, longest_unit = 3;
  if (std::find(std::begin(words), std::end(words), text) != std::end(words)) return true;
  if (text.size() > longest) return false;
  std::size_t parts = 0, unit = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = (c >= '0' && c <= '9') || c == '.';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '%';
    const bool sign = (c == '+' || c == '-') && (i == 0 || text[i - 1] == 'e');
    if (!digit && !letter && !sign) return false;
    if (digit && (i == 0 || unit > 0 || parts == 0)) ++parts;
    unit = letter ? unit + 1 : 0;
    if (parts > most_parts || unit > longest_unit || (letter && parts == 0)) return false;
  }
  return true;
}

void parse(std::string_view text, Document& out) {
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) return;
    out.root = std::move(builder.root);
    Builder second;
    if (parser.HandleNextDocument(second))
      out.problems.push_back(refused(second.start(), "a second document", "one document"));
  } catch (const YAML::Exception& e) {
    const Place place = e.mark.is_null() ? Place{} : place_of(e.mark);
    const std::string message = without_quote(e.msg);
    const auto known = std::find_if(
        std::begin(meanings), std::end(meanings),
        [&](const Meaning& meaning) { return without_quote(meaning.message) == message; });
    out.problems.push_back(
        known != std::end(meanings)
            ? refused(place, known->found, known->expected)
            : refused(place, message, "YAML 1.2 of plain maps, lists and words"));
  }
}

}  // namespace

Document read_document(std::string_view text) {
  Document out;
  if (text.size() > max_text_bytes) {
    out.problems.push_back(refused({}, "more than 1 MiB", "a text of at most 1 MiB"));
    return out;
  }
  if (const std::size_t valid = valid_text_length(text); valid < text.size()) {
    const bool nul = text[valid] == '\0';
    out.problems.push_back(refused(place_at(text, valid), nul ? "a NUL" : "invalid UTF-8",
                                   "text in UTF-8 without NUL"));
    return out;
  }
  parse(text, out);
  if (!out.problems.empty()) out.root = {};
  return out;
}

std::string Value::describe() const {
  switch (kind) {
    case Kind::nothing:
      return "nothing";
    case Kind::scalar:
      if (!is_figure(text)) return std::string(hidden_text);
      return quoted || text.empty() ? "'" + text + "'" : text;
    case Kind::list:
      return items.empty() ? "[]" : "a list";
    case Kind::map:
      return entries.empty() ? "{}" : "a map";
  }
  return {};
}

}  // namespace canary::config
