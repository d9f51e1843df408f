// Random numbers of the usual kinds, from a seeded generator: the same seed gives the same numbers
// on every machine of one kind. Pure.
#pragma once

#include <cstdint>

#include "base/random.hpp"

namespace canary::rehearsal {

/// How many events of a Poisson process happen where `mean` are expected. Below 10 by inversion,
/// else PTRS (Hormann, "The transformed rejection method for generating Poisson random variables",
/// 1993).
std::uint64_t draw_poisson(double mean, base::Random& random);

/// How many of n succeed, each with probability p. Where few are expected by inversion, else BTRS
/// (Hormann, "The generation of binomial random variates", 1993).
std::uint64_t draw_binomial(std::uint64_t n, double p, base::Random& random);

/// The standard normal distribution (the polar method of Marsaglia and Bray, 1964).
double draw_normal(base::Random& random);

/// Shape k, scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
double draw_gamma(double k, base::Random& random);

}  // namespace canary::rehearsal
