#include "control/entry_limit.hpp"

#include <algorithm>

namespace canary::control {
namespace {

constexpr std::size_t max_buckets = 4096;
constexpr auto one_second = std::chrono::seconds(1);

}  // namespace

std::optional<base::Duration> EntryLimit::take(const std::string& model, config::EntryKind kind,
                                               base::MonoTime now) {
  if (waiting_ >= max_waiting) return one_second;
  // Names come from the configuration; those of models that are gone are forgotten here.
  if (buckets_.size() >= max_buckets) buckets_.clear();
  const auto [place, is_new] = buckets_.try_emplace({model, kind});
  Bucket& bucket = place->second;
  if (is_new) bucket.filled = now;
  const std::chrono::duration<double> since = now - bucket.filled;
  bucket.left = std::min(burst, bucket.left + since.count() * per_second);
  bucket.filled = now;
  if (bucket.left < 1) return one_second;
  bucket.left -= 1;
  return std::nullopt;
}

}  // namespace canary::control
