// What this host knows of names: getaddrinfo (nsswitch: the hosts file, DNS and whatever else is
// there), and the search list of resolv.conf. All of it blocks; any thread.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <string>
#include <vector>

namespace canary::net {

/// What one question came to.
struct NameAnswer {
  std::vector<boost::asio::ip::address> addresses;  // any order, may repeat
  std::string canonical;                            // as the resolver says it, without final dot
  std::string problem;                              // why there is no address; empty: there is one
  bool temporary = false;  // the problem is of the way to the answer, not of the name
};

/// Functions, so that tests can say what a host knows.
struct NameSource {
  /// `family`: AF_UNSPEC, AF_INET or AF_INET6. A name with a final dot is absolute.
  std::function<NameAnswer(const std::string& name, int family)> ask;
  /// Whether the hosts file has the name. The resolver does not look there for a final dot.
  std::function<bool(const std::string& name)> in_hosts_file;
  /// The absolute names, without final dot, that a name without one stands for, in the order in
  /// which the resolver tries them.
  std::function<std::vector<std::string>(const std::string& name)> expansions;
};

NameSource system_names();

}  // namespace canary::net
