#include "config/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

constexpr std::array<std::uint8_t, 16> unspecified_v6{};
constexpr std::array<std::uint8_t, 16> loopback_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> unspecified_v4{0, 0, 0,    0,    0, 0, 0, 0,
                                                      0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr std::array<std::uint8_t, 16> loopback_v4{0, 0, 0,    0,    0,   0, 0, 0,
                                                   0, 0, 0xFF, 0xFF, 127, 0, 0, 1};

bool is_v4(const std::array<std::uint8_t, 16>& address) {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.begin());
}

std::optional<unsigned> parse_decimal(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (ec != std::errc() || end != text.data() + text.size() || padded || value > most) return {};
  return value;
}

// host:port or [host]:port; the brackets are taken off. nullopt when the brackets do not fit.
struct HostPort {
  std::string_view host;
  std::optional<std::string_view> port;
  bool bracketed = false;
};
std::optional<HostPort> split_host_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return {};
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return {};
    HostPort out{text.substr(1, close - 1), {}, true};
    if (!rest.empty()) out.port = rest.substr(1);
    return out;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return HostPort{text, {}};
  return HostPort{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

std::optional<std::array<std::uint8_t, 16>> parse_ip(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return {};
  text.copy(terminated, text.size());
  std::array<std::uint8_t, 16> out{};
  if (inet_pton(AF_INET6, terminated, out.data()) == 1) return out;
  if (inet_pton(AF_INET, terminated, out.data() + 12) != 1) return {};
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), out.begin());
  return out;
}

std::string_view write_ip(const std::array<std::uint8_t, 16>& address, IpText& out) {
  static_assert(std::tuple_size_v<IpText> >= INET6_ADDRSTRLEN);
  const bool v4 = is_v4(address);
  inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), out.data(), out.size());
  return out.data();
}

bool is_local_everywhere(const std::array<std::uint8_t, 16>& ip) {
  if (is_v4(ip)) return ip[12] == 127 || ip == unspecified_v4;
  return ip == loopback_v6 || ip == unspecified_v6;
}

bool reaches(const std::array<std::uint8_t, 16>& ip, std::uint16_t port,
             const ListenAddress& listener, bool (*is_local)(const std::array<std::uint8_t, 16>&)) {
  const auto bound = parse_ip(listener.host);
  if (port != listener.port || !bound) return false;
  if (*bound == unspecified_v6) return is_local(ip);
  if (*bound == unspecified_v4) return is_v4(ip) && is_local(ip);
  if (ip == unspecified_v4) return *bound == loopback_v4;
  if (ip == unspecified_v6) return *bound == loopback_v6;
  return *bound == ip;
}

base::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const base::Error error("a numeric address and a port, such as 0.0.0.0:8080 or [::1]:8080");
  const auto parts = split_host_port(text);
  if (!parts || !parts->port) return error;
  const auto port = parse_decimal(*parts->port, 65535);
  const auto ip = parse_ip(parts->host);
  const bool has_colon = parts->host.find(':') != std::string_view::npos;
  if (!port || !ip || has_colon != parts->bracketed) return error;
  IpText host;
  return ListenAddress{std::string(write_ip(*ip, host)), static_cast<std::uint16_t>(*port)};
}

base::Result<AddressBlock> parse_address_block(std::string_view text) {
  const base::Error error("an address or a CIDR block, such as 10.0.0.0/8 or ::1");
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto ip = parse_ip(host);
  if (!ip) return error;
  AddressBlock out{*ip, 128};
  if (slash == std::string_view::npos) return out;
  const bool v4 = host.find(':') == std::string_view::npos;
  const auto bits = parse_decimal(text.substr(slash + 1), v4 ? 32 : 128);
  if (!bits) return error;
  out.prefix_bits = *bits + (v4 ? 96 : 0);
  for (unsigned bit = out.prefix_bits; bit < 128; ++bit)
    if (out.address[bit / 8] & (0x80u >> (bit % 8)))
      return base::Error("a block whose address has no bits behind its prefix, such as 10.0.0.0/8");
  return out;
}

base::Result<EndpointUrl> parse_endpoint(std::string_view text) {
  const base::Error error("http://host:port, such as http://127.0.0.1:9001");
  if (base::iequals(text.substr(0, 8), "https://"))
    return base::Error("http://host:port; https is not supported yet");
  if (!base::iequals(text.substr(0, 7), "http://")) return error;
  std::string_view rest = text.substr(7);
  if (rest.find('@') != std::string_view::npos)
    return base::Error("http://host:port without user name and password");
  if (const std::size_t end = rest.find_first_of("/?#"); end != std::string_view::npos) {
    if (rest.substr(end) != "/") return base::Error("http://host:port without path or query");
    rest = rest.substr(0, end);
  }
  const auto parts = split_host_port(rest);
  if (!parts) return error;
  EndpointUrl out{base::lower(parts->host), 80};
  if (parts->bracketed ? !is_host("[" + out.host + "]") : !is_dns_name(out.host)) return error;
  if (parts->port) {
    const auto port = parse_decimal(*parts->port, 65535);
    if (!port || *port == 0) return base::Error("http://host:port with a port 1..65535");
    out.port = static_cast<std::uint16_t>(*port);
  }
  return out;
}

bool is_web_url(std::string_view text) {
  const std::string_view scheme = text.starts_with("https://") ? "https://" : "http://";
  if (!text.starts_with(scheme) || text.size() > 2000) return false;
  const auto fits = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (!std::all_of(text.begin(), text.end(), fits)) return false;
  const std::string_view rest = text.substr(scheme.size());
  const auto parts = split_host_port(rest.substr(0, rest.find_first_of("/?")));
  if (!parts) return false;
  const std::string host(parts->host);
  if (parts->bracketed ? !is_host("[" + host + "]") : !is_dns_name(host)) return false;
  const auto port = parts->port ? parse_decimal(*parts->port, 65535) : 80;
  return port && *port != 0;
}

bool is_base_url(std::string_view text) {
  return text.find('?') == std::string_view::npos && is_web_url(text);
}

bool ListenAddress::is_loopback() const {
  const auto ip = parse_ip(host);
  if (!ip) return false;
  if (is_v4(*ip)) return (*ip)[12] == 127;
  return std::all_of(ip->begin(), ip->end() - 1, [](auto b) { return b == 0; }) && ip->back() == 1;
}

std::string ListenAddress::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool AddressBlock::contains(const std::array<std::uint8_t, 16>& candidate) const {
  const unsigned whole = prefix_bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, candidate.begin())) return false;
  const unsigned rest = prefix_bits % 8;
  return rest == 0 || ((address[whole] ^ candidate[whole]) >> (8 - rest)) == 0;
}

std::string EndpointUrl::authority() const {
  const std::string shown = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return port == 80 ? shown : shown + ":" + std::to_string(port);
}

std::string EndpointUrl::to_string() const {
  const std::string shown = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return "http://" + shown + ":" + std::to_string(port);
}

}  // namespace canary::config
