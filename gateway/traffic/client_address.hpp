// Who asks, behind trusted proxies: X-Forwarded-For is read from its end, for each proxy appends
// what it has seen, and what stands before the last untrusted address is that client's own
// invention (docs/decisions/0086-who-asks.md). Pure, allocation-free.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace canary::traffic {

/// IPv4 as IPv4-mapped IPv6: `1.2.3.4` and `::ffff:1.2.3.4` are one client.
using IpAddress = std::array<std::uint8_t, 16>;

inline bool is_trusted(const std::vector<config::AddressBlock>& trusted, const IpAddress& address) {
  for (const config::AddressBlock& block : trusted)
    if (block.contains(address)) return true;
  return false;
}

/// One member of X-Forwarded-For: an address, `address:port`, `[v6]`, `[v6]:port`, each of them in
/// quotes or not; a zone (`fe80::1%eth0`) is left out. Nothing: `unknown` and anything else.
std::optional<IpAddress> forwarded_address(std::string_view member);

/// Walks back over the list's members, past trusted addresses, to the first that is not trusted. A
/// member that is no address ends the walk where it is; empty ones are skipped.
class ClientWalk {
 public:
  /// No chain of proxies is as long; it bounds the work that one head can cause.
  static constexpr unsigned max_members = 100;

  /// `peer`: of the connection.
  ClientWalk(const std::vector<config::AddressBlock>& trusted, const IpAddress& peer)
      : trusted_(trusted), client_(peer), done_(!is_trusted(trusted, peer)) {}

  /// Takes one field line; the last line of the head comes first.
  void take(std::string_view line);
  /// Nothing more is of interest.
  bool done() const { return done_; }
  /// The last address that was reached: the client's, or where all are trusted the leftmost.
  const IpAddress& client() const { return client_; }

 private:
  void take_member(std::string_view member);

  const std::vector<config::AddressBlock>& trusted_;
  IpAddress client_;
  unsigned members_ = 0;
  bool done_;
};

}  // namespace canary::traffic
