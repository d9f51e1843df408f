#include "config/edit.hpp"

#include "config/document.hpp"
#include "config/load.hpp"

namespace canary::config {
namespace {

std::size_t offset_of(std::string_view text, Place place) {
  std::size_t line_start = 0;
  for (int line = 1; line < place.line; ++line) line_start = text.find('\n', line_start) + 1;
  return line_start + static_cast<std::size_t>(place.column) - 1;
}

const Value::Entry* find(const Value& map, const std::string& key) {
  for (const auto& entry : map.entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

base::Error missing(const std::vector<std::string>& path) {
  std::string all;
  for (const auto& key : path) (all += all.empty() ? "" : ".") += key;
  return base::Error("cannot set " + all + ": the configuration has no place for it");
}

}  // namespace

base::Result<std::string> set_key(std::string_view text, const std::vector<std::string>& path,
                                  std::string_view value) {
  const Document document = read_document(text);
  if (!document.problems.empty())
    return base::Error("cannot edit: " + document.problems.front().to_string("the configuration"));
  const Value* map = &document.root;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const Value::Entry* entry = find(*map, path[i]);
    if (!entry || entry->value.kind != Value::Kind::map) return missing(path);
    map = &entry->value;
  }
  if (map->entries.empty()) return missing(path);

  std::string out(text);
  if (const Value::Entry* entry = find(*map, path.back())) {
    if (entry->value.kind != Value::Kind::scalar) return missing(path);
    const std::size_t at = offset_of(text, entry->value.place);
    const char first = at < text.size() ? text[at] : '\0';
    std::size_t length = entry->value.text.size();
    if (first == '"' || first == '\'')
      length += 2;
    else if (text.substr(at, length) != entry->value.text)
      return missing(path);
    out.replace(at, length, value);
    return base::Result<std::string>(boost::system::in_place_value, std::move(out));
  }
  const Place first_key = map->entries.front().place;
  const std::size_t map_at = offset_of(text, map->place);
  const bool flow = map_at < text.size() && text[map_at] == '{';
  const std::string indent(static_cast<std::size_t>(first_key.column) - 1, ' ');
  std::string added = path.back() + ": " + std::string(value);
  added += flow ? ", " : "\n" + indent;
  out.insert(offset_of(text, first_key), added);
  return base::Result<std::string>(boost::system::in_place_value, std::move(out));
}

}  // namespace canary::config
