#include "base/descriptors.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include "support/descriptor_limit.hpp"

namespace canary::base {

TEST_CASE("Whatever the limit, each share leaves room above it, and none is negative") {
  for (const std::size_t limit :
       {0u, 1u, 15u, 16u, 17u, 40u, 64u, 128u, 1024u, 20000u, 65536u, 1u << 30}) {
    INFO(limit);
    const DescriptorShares shares = share_descriptors(limit);
    CHECK(shares.clients >= 0);
    CHECK(shares.clients <= shares.turned_away);
    CHECK(shares.turned_away <= shares.upstreams);
    if (limit >= 16) CHECK(static_cast<std::size_t>(shares.upstreams) <= limit - 16);
    CHECK(2 * most_connections(limit) <= static_cast<std::size_t>(shares.upstreams));
  }
  const DescriptorShares small = share_descriptors(128);
  CHECK(small.clients < small.turned_away);
  CHECK(small.turned_away < small.upstreams);
  CHECK(share_descriptors(20000).clients > 16000);
}

TEST_CASE("The next descriptor is the lowest free number") {
  const int next = next_descriptor();
  const int taken = ::dup(0);
  CHECK(taken == next);
  CHECK(next_descriptor() > next);
  ::close(taken);
  CHECK(next_descriptor() == next);
}

TEST_CASE("Open descriptors are counted without the one that counts") {
  const std::size_t before = open_descriptors();
  const int one = ::dup(0);
  CHECK(open_descriptors() == before + 1);
  ::close(one);
  CHECK(open_descriptors() == before);
}

TEST_CASE("The soft limit is raised to the hard one") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const support::DescriptorLimit low(64);
  CHECK(descriptor_limit() == 64);
  raise_descriptor_limit();
  CHECK(descriptor_limit() == before.rlim_max);
}

}  // namespace canary::base
