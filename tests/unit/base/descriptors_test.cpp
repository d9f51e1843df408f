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
    CHECK(2 * most_connections({limit, 0}) <= static_cast<std::size_t>(shares.upstreams));
  }
  const DescriptorShares small = share_descriptors(128);
  CHECK(small.clients < small.turned_away);
  CHECK(small.turned_away < small.upstreams);
  CHECK(share_descriptors(20000).clients > 16000);
}

TEST_CASE("What the process has open is no room for connections") {
  CHECK(most_connections({100, 0}) == 42);
  CHECK(most_connections({100, 24}) == 30);
  CHECK(most_connections({100, 84}) == 0);
  CHECK(most_connections({100, 1000}) == 0);
  CHECK(most_connections({10, 5}) == 0);
}

TEST_CASE("The least limit leaves clients as many as asked for, and one less does not") {
  for (std::size_t wanted = 1; wanted < 3000; ++wanted) {
    INFO(wanted);
    const std::size_t limit = least_limit(wanted);
    CHECK(share_descriptors(limit).clients >= static_cast<int>(wanted));
    CHECK(share_descriptors(limit - 1).clients < static_cast<int>(wanted));
  }
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

TEST_CASE("With no descriptor left to count with, all are open") {
  std::size_t open = 0, limit = 0;
  {
    const support::DescriptorLimit none(static_cast<rlim_t>(next_descriptor()));
    limit = descriptor_limit();
    open = open_descriptors();
  }
  CHECK(open == limit);
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
