// The readers of one value.
#include "config/section.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

std::string range_text(DurationRange range) {
  return "a duration of " + base::format_duration(range.least) + ".." +
         base::format_duration(range.most) + ", such as 500ms, 30s, 15m or 7d";
}

std::string size_range_text(NumberRange range) {
  return "a size of " + base::format_size(range.least) + ".." + base::format_size(range.most) +
         ", such as 512, 64KiB or 1GiB";
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// `10`, `0.5`: no sign, no exponent, and no leading zero, which YAML 1.1 takes for octal.
bool is_decimal(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  if (!is_digits(whole) || (whole.size() > 1 && whole.front() == '0')) return false;
  return dot == std::string_view::npos || is_digits(text.substr(dot + 1));
}

// A quoted '0' is a word; a quoted 'cancel' is the same word as without quotes.
bool is_word(const Value& value, std::string_view word) {
  if (value.kind != Value::Kind::scalar) return value.describe() == word;
  return value.text == word && !(value.quoted && (is_decimal(word) || word == "false"));
}

}  // namespace

void Field::problem(std::string expected) const {
  if (!value_) return;
  const Place place = value_->kind == Value::Kind::nothing ? key_ : value_->place;
  report_->error(place, path_, shown(), std::move(expected));
}

std::string Field::shown() const {
  const bool scalar = value_->kind == Value::Kind::scalar;
  return scalar && holds_secrets(path_) ? std::string(hidden_text) : value_->describe();
}

const std::string* Field::scalar(std::string_view expected) const {
  if (!value_) return nullptr;
  if (value_->kind == Value::Kind::scalar) return &value_->text;
  problem(std::string(expected));
  return nullptr;
}

const std::string* Field::plain(std::string_view expected) const {
  const std::string* word = scalar(expected);
  if (!word || !value_->quoted) return word;
  problem(std::string(expected) + ", without quotes");
  return nullptr;
}

void Field::duration(base::Duration& out, DurationRange range) const {
  const std::string* word = scalar(range_text(range));
  if (!word) return;
  const auto parsed = base::parse_duration(*word);
  if (parsed && *parsed >= range.least && *parsed <= range.most)
    out = *parsed;
  else
    problem(range_text(range));
}

void Field::size(std::uint64_t& out, NumberRange range) const {
  const std::string* word = scalar(size_range_text(range));
  if (!word) return;
  const bool bare = is_digits(*word);
  const bool misread = bare && (value_->quoted || (word->size() > 1 && word->front() == '0'));
  const auto parsed = base::parse_size(*word);
  if (!misread && parsed && *parsed >= range.least && *parsed <= range.most)
    out = *parsed;
  else
    problem(size_range_text(range));
}

bool Field::read_number(std::uint64_t& out, NumberRange range, std::string_view or_else) const {
  const std::string expected = std::string(or_else) + "a whole number " +
                               std::to_string(range.least) + ".." + std::to_string(range.most);
  const std::string* word = plain(expected);
  if (!word) return false;
  if (is_digits(*word) && is_decimal(*word) && word->size() < 20) {
    const std::uint64_t value = std::stoull(*word);
    if (value >= range.least && value <= range.most) {
      out = value;
      return true;
    }
  }
  problem(expected);
  return false;
}

void Field::boolean(bool& out) const {
  const std::string* word = plain("true or false");
  if (!word) return;
  if (*word == "true" || *word == "false")
    out = *word == "true";
  else
    problem("true or false");
}

void Field::percent(double& out, double most) const {
  const std::string expected =
      "a percentage 0.." + base::format_number(most) + ", such as 10, 0.5 or 0.5%";
  const std::string* word = scalar(expected);
  if (!word) return;
  std::string_view number = *word;
  const bool bare = !number.ends_with('%');
  if (!bare) number.remove_suffix(1);
  const auto parsed = base::parse_percent(*word);
  if (is_decimal(number) && !(bare && value_->quoted) && parsed && *parsed <= most)
    out = *parsed;
  else
    problem(expected);
}

void Field::weight(base::BasisPoints& out) const {
  double value = -1;
  percent(value, 100);
  if (value < 0) return;
  const auto points = base::to_basis_points(value);
  if (points)
    out = *points;
  else
    problem("a percentage 0..100 in steps of 0.01");
}

bool Field::looks_unquoted(std::string_view word) const {
  return !value_->quoted && looks_typed(word);
}

void Field::text(std::string& out, bool (*accepts)(std::string_view), std::string_view what) const {
  const std::string* word = scalar(what);
  if (!word) return;
  if (looks_unquoted(*word))
    problem(std::string(what) + ", in quotes");
  else if (accepts(*word))
    out = *word;
  else
    problem(std::string(what));
}

void Field::only(std::string_view word) const {
  const std::string* found = scalar(word);
  if (found && *found != word) problem(std::string(word));
}

void Field::section(const std::function<void(Section&)>& read) const {
  if (!value_ && !report_->describing()) return;
  if (value_ && value_->kind != Value::Kind::map) return problem("a map of keys");
  Section section(value_, key_, path_, *report_);
  read(section);
  section.finish();
}

void Field::list(const std::function<void(const Field&)>& read) const {
  if (report_->describing()) return read(Field(nullptr, {}, path_ + "[]", *report_));
  if (!value_) return;
  if (value_->kind != Value::Kind::list) return problem("a list");
  for (std::size_t i = 0; i < value_->items.size(); ++i) {
    const Value& item = value_->items[i];
    const std::string path = path_ + "[" + std::to_string(i) + "]";
    report_->seen(path, item.place);
    read(Field(&item, item.place, path, *report_));
  }
}

void Field::one_or_more(const std::function<void(const Field&)>& read) const {
  if (!value_ || value_->kind != Value::Kind::scalar) return list(read);
  read(*this);
}

void Field::entries(const std::function<void(const std::string&, const Field&)>& read) const {
  if (report_->describing()) return read("*", Field(nullptr, {}, path_ + ".*", *report_));
  if (!value_) return;
  if (value_->kind != Value::Kind::map) return problem("a map of names");
  for (const auto& entry : first_entries(*value_, path_, shown_name, *report_)) {
    const std::string path = path_ + "." + shown_name(entry->key);
    report_->seen(path, entry->place);
    read(entry->key, Field(&entry->value, entry->place, path, *report_));
  }
}

void Field::not_yet(std::initializer_list<std::string_view> off) const {
  if (report_->describing()) report_->known(path_, off.size() != 0);
  if (!value_) return;
  std::string expected;
  for (const std::string_view word : off) {
    if (is_word(*value_, word)) return;
    (expected += expected.empty() ? "" : " or ") += word;
  }
  expected += off.size() == 0 ? "this key left out: it is not supported yet"
                              : "; anything else is not supported yet";
  report_->error(key_, path_, shown(), std::move(expected));
}

}  // namespace canary::config
