// The process's descriptors and who may take how many. The kernel gives out the lowest free number,
// so that a number says how many are taken: who keeps below a number leaves the rest to others, and
// nobody has to count. Any thread.
#pragma once

#include <cstddef>

namespace canary::base {

/// Raises the soft limit to the hard one.
void raise_descriptor_limit();
/// The soft limit of this moment: it can be changed from outside.
std::size_t descriptor_limit();
/// How many are open; the limit where none is left to look with.
std::size_t open_descriptors();

/// The lowest number that is free, which the next one would get.
int next_descriptor();

/// Clients are accepted below `clients`, and below `turned_away` to be told that there is no room;
/// model servers are connected below `upstreams`. What is above is the control plane's, for people
/// who ask and roll back, for files and messages.
struct DescriptorShares {
  int clients = 0;
  int turned_away = 0;
  int upstreams = 0;
};
DescriptorShares share_descriptors(std::size_t limit);

/// The lowest limit at which so many descriptors are below DescriptorShares::clients.
std::size_t least_limit(std::size_t descriptors);

/// The limit, and how many of it the process takes without any connection.
struct DescriptorRoom {
  std::size_t limit = 0;
  std::size_t own = 0;
};
/// How many connections with a request each there is room for: two descriptors for each.
std::size_t most_connections(const DescriptorRoom& room);

}  // namespace canary::base
