#include "traffic/bucket.hpp"

#include <bit>

#include "base/text.hpp"
#include "base/units.hpp"

namespace canary::traffic {
namespace {

std::string_view value_of(const config::StickySource& source, const RequestView& request) {
  switch (source.kind) {
    case config::StickySource::Kind::header:
      return request.header(source.name);
    case config::StickySource::Kind::cookie:
      return cookie(request.header("cookie"), source.name);
    case config::StickySource::Kind::query:
      return query_parameter(request.query(), source.name);
    case config::StickySource::Kind::client_address:
      return request.client_address();
  }
  return {};
}

// The value of the first `name=value` among the parts of `list` between `separator`s.
std::string_view find_pair(std::string_view list, char separator, std::string_view name) {
  while (!list.empty()) {
    const auto end = list.find(separator);
    const std::string_view pair = base::trim(list.substr(0, end));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && base::trim(pair.substr(0, equals)) == name)
      return base::trim(pair.substr(equals + 1));
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  return {};
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
                            const RequestView& request) {
  for (const config::StickySource& source : sources) {
    const std::string_view key = value_of(source, request);
    if (!key.empty()) return key;
  }
  return {};
}

std::string_view cookie(std::string_view header, std::string_view name) {
  return find_pair(header, ';', name);
}

std::string_view query_parameter(std::string_view query, std::string_view name) {
  return find_pair(query, '&', name);
}

}  // namespace canary::traffic
