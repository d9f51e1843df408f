#include "traffic/bucket.hpp"

#include <bit>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace canary::traffic {
namespace {

std::string_view value_of(const config::StickySource& source, const RequestView& request,
                          std::string& scratch) {
  switch (source.kind) {
    case config::StickySource::Kind::header:
      return header_value(request, source.name);
    case config::StickySource::Kind::cookie:
      return cookie(request, source.name);
    case config::StickySource::Kind::query:
      return query_parameter(request.query(), source.name, scratch);
    case config::StickySource::Kind::client_address:
      return request.client_address();
  }
  return {};
}

/// The first of the `name=value`s between `separator`s of which value_of(name, value) makes
/// something.
template <class ValueOf>
std::string_view find_pair(std::string_view list, char separator, ValueOf&& value_of) {
  while (!list.empty()) {
    const auto end = list.find(separator);
    const std::string_view pair = list.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) {
      const std::string_view value =
          value_of(base::trim(pair.substr(0, equals)), base::trim(pair.substr(equals + 1)));
      if (!value.empty()) return value;
    }
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  return {};
}

std::string_view without_quotes(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

base::PercentChar decode_form(std::string_view text) {
  return text.front() == '+' ? base::PercentChar{' ', 1} : base::decode_first(text);
}

bool same_decoded(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const base::PercentChar of_a = decode_form(a), of_b = decode_form(b);
    if (of_a.value != of_b.value) return false;
    a.remove_prefix(of_a.length);
    b.remove_prefix(of_b.length);
  }
  return a.empty() && b.empty();
}

}  // namespace

std::uint32_t murmur3_32(std::string_view a, std::string_view b) {
  constexpr std::uint32_t c1 = 0xcc9e2d51, c2 = 0x1b873593;
  const std::size_t size = a.size() + b.size();
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(
        static_cast<unsigned char>(i < a.size() ? a[i] : b[i - a.size()]));
  };
  const auto mixed = [&](std::uint32_t k) { return std::rotl(k * c1, 15) * c2; };

  std::uint32_t hash = 0;
  std::size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    const std::uint32_t block = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    hash = std::rotl(hash ^ mixed(block), 13) * 5 + 0xe6546b64;
  }
  std::uint32_t tail = 0;
  for (std::size_t shift = 0; i < size; ++i, shift += 8) tail |= byte(i) << shift;
  hash ^= mixed(tail);

  hash ^= static_cast<std::uint32_t>(size);
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}

std::uint32_t bucket(std::string_view flag, std::string_view key) {
  const std::uint64_t hash = murmur3_32(flag, key);
  return static_cast<std::uint32_t>((hash * base::full_weight) >> 32);
}

std::string_view sticky_key(const std::vector<config::StickySource>& sources,
                            const RequestView& request, std::string& scratch) {
  for (const config::StickySource& source : sources) {
    const std::string_view key = value_of(source, request, scratch);
    if (!key.empty()) return key;
  }
  return {};
}

std::string_view header_value(const RequestView& request, std::string_view name) {
  std::size_t at = 0;
  std::string_view value = request.next_header(name, at);
  while (value.empty() && value.data() != nullptr) value = request.next_header(name, at);
  return value;
}

std::string_view cookie(const RequestView& request, std::string_view name) {
  std::size_t at = 0;
  for (;;) {
    const std::string_view line = request.next_header("cookie", at);
    if (line.data() == nullptr) return {};
    const auto value = find_pair(line, ';', [&](std::string_view found, std::string_view value) {
      return found == name ? without_quotes(value) : std::string_view{};
    });
    if (!value.empty()) return value;
  }
}

std::string_view query_parameter(std::string_view query, std::string_view name,
                                 std::string& scratch) {
  auto value = find_pair(query, '&', [&](std::string_view found, std::string_view value) {
    return same_decoded(found, name) ? value : std::string_view{};
  });
  if (value.find_first_of("%+") == std::string_view::npos) return value;
  scratch.clear();
  while (!value.empty()) {
    const base::PercentChar next = decode_form(value);
    scratch += next.value;
    value.remove_prefix(next.length);
  }
  return scratch;
}

}  // namespace canary::traffic
