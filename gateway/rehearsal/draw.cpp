#include "rehearsal/draw.hpp"

#include <algorithm>
#include <cmath>

namespace canary::rehearsal {
namespace {

constexpr double inversion_limit = 10;

/// As `unit`, but never 0.
double above_zero(base::Random& random) { return 1 - random.unit(); }

std::uint64_t poisson_by_rejection(double mean, base::Random& random) {
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double quick = 0.9277 - 3.6224 / (b - 2);
  const double log_mean = std::log(mean);
  for (;;) {
    const double u = random.unit() - 0.5, v = above_zero(random);
    const double us = 0.5 - std::abs(u);
    if (us <= 0) continue;
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= quick) return static_cast<std::uint64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <=
        k * log_mean - mean - std::lgamma(k + 1))
      return static_cast<std::uint64_t>(k);
  }
}

/// p <= 1/2 and n p small.
std::uint64_t binomial_by_inversion(double n, double p, base::Random& random) {
  const double ratio = p / (1 - p), scaled = (n + 1) * ratio;
  double probability = std::exp(n * std::log1p(-p)), rest = random.unit();
  double k = 0;
  while (rest > probability && k < n) {
    rest -= probability;
    ++k;
    probability *= scaled / k - ratio;
  }
  return static_cast<std::uint64_t>(k);
}

/// p <= 1/2 and n p >= 10.
std::uint64_t binomial_by_rejection(double n, double p, base::Random& random) {
  const double spread = std::sqrt(n * p * (1 - p));
  const double b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double centre = n * p + 0.5;
  const double quick = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * spread;
  const double log_odds = std::log(p / (1 - p));
  const double mode = std::floor((n + 1) * p);
  const double h = std::lgamma(mode + 1) + std::lgamma(n - mode + 1);
  for (;;) {
    const double u = random.unit() - 0.5, v = above_zero(random);
    const double us = 0.5 - std::abs(u);
    if (us <= 0) continue;
    const double k = std::floor((2 * a / us + b) * u + centre);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= quick) return static_cast<std::uint64_t>(k);
    if (std::log(v * alpha / (a / (us * us) + b)) <=
        h - std::lgamma(k + 1) - std::lgamma(n - k + 1) + (k - mode) * log_odds)
      return static_cast<std::uint64_t>(k);
  }
}

}  // namespace

std::uint64_t draw_poisson(double mean, base::Random& random) {
  if (mean <= 0) return 0;
  if (mean >= inversion_limit) return poisson_by_rejection(mean, random);
  const double least = std::exp(-mean);
  std::uint64_t count = 0;
  for (double product = random.unit(); product > least; product *= random.unit()) ++count;
  return count;
}

std::uint64_t draw_binomial(std::uint64_t n, double p, base::Random& random) {
  if (n == 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - draw_binomial(n, 1 - p, random);
  const auto trials = static_cast<double>(n);
  return trials * p < inversion_limit ? binomial_by_inversion(trials, p, random)
                                      : binomial_by_rejection(trials, p, random);
}

double draw_normal(base::Random& random) {
  for (;;) {
    const double x = 2 * random.unit() - 1, y = 2 * random.unit() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
  }
}

double draw_gamma(double k, base::Random& random) {
  if (k <= 0) return 0;
  if (k < 1) return draw_gamma(k + 1, random) * std::pow(above_zero(random), 1 / k);
  const double d = k - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(random);
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(above_zero(random)) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace canary::rehearsal
