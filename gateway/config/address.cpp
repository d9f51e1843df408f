#include "config/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "base/port.hpp"
#include "base/text.hpp"
#include "config/host.hpp"

namespace canary::config {
namespace {

constexpr std::size_t max_url = 2000;
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

// The host with its brackets, and what stands behind the colon.
struct HostPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

HostPort split_host_port(std::string_view text) {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
  const std::size_t colon = text.find(':', from);
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

struct Authority {
  std::string_view host;
  std::optional<std::uint16_t> port;
};

// The authority of a URL, without user name. The error is what was expected.
base::Result<Authority> split_authority(std::string_view text) {
  const auto colons = std::count(text.begin(), text.end(), ':');
  if (colons > 1 && !text.starts_with('[') && parse_ip(text))
    return base::Error("an IPv6 address in brackets, such as [::1]");
  const HostPort parts = split_host_port(text);
  if (auto problem = host_problem(parts.host); !problem.empty()) return base::Error(problem);
  if (!parts.port) return Authority{parts.host, {}};
  const std::uint16_t port = base::parse_port(*parts.port);
  if (port == 0) return base::Error("a port 1..65535");
  return Authority{parts.host, port};
}

// A numeric address is kept without its brackets.
std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
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

std::vector<std::array<std::uint8_t, 16>> known_addresses(const EndpointUrl& url) {
  if (const auto ip = parse_ip(url.host)) return {*ip};
  const std::string_view name = base::without_final_dot(url.host);
  if (name == "localhost" || name.ends_with(".localhost"))
    return {*parse_ip("127.0.0.1"), *parse_ip("::1")};
  return {};
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
  auto [host, digits] = split_host_port(text);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto port = digits ? parse_decimal(*digits, 65535) : std::nullopt;
  const auto ip = parse_ip(host);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (!port || !ip || has_colon != bracketed) return error;
  IpText canonical;
  return ListenAddress{std::string(write_ip(*ip, canonical)), static_cast<std::uint16_t>(*port)};
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
  const auto authority = split_authority(rest);
  if (!authority) return base::Error("http://host:port with " + authority.error().message());
  return EndpointUrl{base::lower(without_brackets(authority->host)), authority->port.value_or(80)};
}

base::Result<std::string> parse_web_url(std::string_view text) {
  const std::string_view scheme = text.starts_with("https://") ? "https://" : "http://";
  const base::Error error{std::string(web_url_rule)};
  const auto visible = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  if (!text.starts_with(scheme) || text.size() > max_url) return error;
  if (text.find('#') != std::string_view::npos) return error;
  if (!std::all_of(text.begin(), text.end(), visible)) return error;
  const std::string_view rest = text.substr(scheme.size());
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  if (rest.substr(0, end).find('@') != std::string_view::npos) return error;
  if (const auto authority = split_authority(rest.substr(0, end)); !authority)
    return base::Error(error.message() + "; with " + authority.error().message());
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::all_of(rest.begin() + static_cast<std::ptrdiff_t>(end), rest.end(), is_ascii))
    return base::Error(error.message() + "; other characters than ASCII's as %XX");
  return base::Result<std::string>(boost::system::in_place_value, text);
}

base::Result<EndpointUrl> web_url_endpoint(std::string_view text) {
  if (const auto url = parse_web_url(text); !url) return url.error();
  const bool tls = text.starts_with("https://");
  const std::string_view rest = text.substr(tls ? 8 : 7);
  const auto authority = split_authority(rest.substr(0, rest.find_first_of("/?")));
  return EndpointUrl{base::lower(without_brackets(authority->host)),
                     authority->port.value_or(tls ? 443 : 80)};
}

base::Result<std::string> parse_base_url(std::string_view text) {
  if (text.find('?') != std::string_view::npos) return base::Error(std::string(base_url_rule));
  return parse_web_url(text);
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
  const std::string shown = host.find(':') != std::string::npos
                                ? "[" + host + "]"
                                : std::string(base::without_final_dot(host));
  return port == 80 ? shown : shown + ":" + std::to_string(port);
}

std::string EndpointUrl::to_string() const {
  const std::string shown = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return "http://" + shown + ":" + std::to_string(port);
}

}  // namespace canary::config
