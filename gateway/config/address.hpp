// Addresses as the file writes them. Errors say what would be accepted. No name is resolved here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"

namespace canary::config {

/// A numeric address; IPv4 as IPv4-mapped IPv6.
std::optional<std::array<std::uint8_t, 16>> parse_ip(std::string_view text);
/// Its one canonical spelling, written to `out`; IPv4-mapped IPv6 as IPv4.
using IpText = std::array<char, 46>;
std::string_view write_ip(const std::array<std::uint8_t, 16>& address, IpText& out);

/// `127.0.0.1:8080`, `[::1]:8080`; port 0 is accepted. The host is kept in its canonical form.
base::Result<ListenAddress> parse_listen_address(std::string_view text);

/// Every address that the host certainly has: a literal one, loopback's of `localhost`. What other
/// names stand for is known when they are resolved.
std::vector<std::array<std::uint8_t, 16>> known_addresses(const EndpointUrl& url);

/// Whether a connection to `ip`:`port`, made on this host, ends at `listener`. `is_local`: whether
/// an address is one of this host's, which a listener on every address asks. A listener on `::` is
/// taken to have IPv4 as well.
bool reaches(const std::array<std::uint8_t, 16>& ip, std::uint16_t port,
             const ListenAddress& listener, bool (*is_local)(const std::array<std::uint8_t, 16>&));
/// Loopback addresses and the unspecified ones, which a connection takes for loopback: every
/// host's.
bool is_local_everywhere(const std::array<std::uint8_t, 16>& ip);

/// `10.0.0.0/8`, `::1/128`, or one address. Bits behind the prefix must be zero.
base::Result<AddressBlock> parse_address_block(std::string_view text);

/// `http://host:port`, port 80 when it is left out; nothing behind it but `/`.
base::Result<EndpointUrl> parse_endpoint(std::string_view text);

/// `http://host[:port][/path][?query]` or https, in ASCII, at most 2000 bytes; as it stands.
inline constexpr std::string_view web_url_rule =
    "an http or https URL, without user name and fragment";
base::Result<std::string> parse_web_url(std::string_view text);
/// Where the connection for a web URL goes.
base::Result<EndpointUrl> web_url_endpoint(std::string_view text);
/// A URL that a path may be put behind.
inline constexpr std::string_view base_url_rule =
    "an http or https URL, without user name, query and fragment";
base::Result<std::string> parse_base_url(std::string_view text);

}  // namespace canary::config
