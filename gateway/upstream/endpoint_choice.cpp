#include "upstream/endpoint_choice.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/shortage.hpp"

namespace canary::upstream {
namespace {

std::uint64_t bit(std::size_t index) { return std::uint64_t{1} << (index % 64); }

MonoTime answered(const traffic::Endpoint& endpoint) {
  if (!endpoint.health) return {};
  return MonoTime(Duration(endpoint.health->answered.load(std::memory_order_relaxed)));
}

MonoTime failing_since(const traffic::Endpoint& endpoint) {
  return MonoTime(Duration(endpoint.health->failing_since.load(std::memory_order_relaxed)));
}

}  // namespace

const traffic::Endpoint* EndpointChoice::next_of_several(MonoTime now) {
  if (level_ == Level::healthy) {
    if (const traffic::Endpoint* found = pick(now)) return found;
    all_out_ = tried_ == 0;
    if (rules_.has_stand_in) return nullptr;
    level_ = Level::probes_ignored;
  }
  if (level_ == Level::probes_ignored) {
    if (const traffic::Endpoint* found = pick(now)) {
      all_out_ = false;
      return found;
    }
    level_ = Level::last_resort;
  }
  return timed_out_ ? nullptr : pick(now);
}

bool EndpointChoice::open(std::size_t index, MonoTime now) const {
  if (tried_ & bit(index)) return false;
  const traffic::Endpoint& endpoint = version_.endpoints[index];
  const EndpointBook::Entry* entry = means_.book.find(endpoint.id);
  if (!entry) return false;  // a later table does not have it any more
  if (level_ == Level::last_resort) return !entry->ejection.trying();
  if (level_ == Level::healthy && !probed_healthy(endpoint)) return false;
  return !entry->ejection.ejected() || rules_.eject_after == 0 ||
         entry->ejection.admits(now, answered(endpoint));
}

bool EndpointChoice::stands_in(const traffic::Version& stable, const traffic::Version& canary,
                               EndpointBook& book) {
  MonoTime failing{};  // since when the last of the canary's endpoints that fail their probes does
  for (const traffic::Endpoint& endpoint : canary.endpoints)
    if (!probed_healthy(endpoint)) failing = std::max(failing, failing_since(endpoint));
  return std::any_of(stable.endpoints.begin(), stable.endpoints.end(), [&](const auto& endpoint) {
    return sound(endpoint, book) && (failing == MonoTime{} || answered(endpoint) > failing);
  });
}

// Two of them with even chances. Mostly the first two that are drawn are open; else all are looked
// at (reservoir sampling), or those behind a closed one would get its share as well.
EndpointChoice::Two EndpointChoice::draw(std::uint32_t count, MonoTime now) {
  const std::uint32_t one = means_.random.below(count);
  std::uint32_t other = means_.random.below(count - 1);
  if (other >= one) ++other;
  if (open(one, now) && open(other, now)) return {one, other};
  Two two{no_index, no_index};
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!open(i, now)) continue;
    const std::uint32_t place = ++seen <= 2 ? seen - 1 : means_.random.below(seen);
    if (place == 0) two.first = i;
    if (place == 1) two.second = i;
  }
  if (seen >= 2 && means_.random.below(2) == 0) std::swap(two.first, two.second);
  return two;
}

const traffic::Endpoint* EndpointChoice::pick(MonoTime now) {
  const auto count = static_cast<std::uint32_t>(version_.endpoints.size());
  if (count == 0) return nullptr;
  if (count == 1) return open(0, now) ? begin(0) : nullptr;
  const Two two = draw(count, now);
  if (two.first == no_index) return nullptr;
  const bool second = two.second != no_index && load(two.second) < load(two.first);
  return begin(second ? two.second : two.first);
}

std::uint32_t EndpointChoice::load(std::size_t index) const {
  return means_.book.find(version_.endpoints[index].id)->in_flight;
}

const traffic::Endpoint* EndpointChoice::begin(std::size_t index) {
  tried_ |= bit(index);
  current_ = &version_.endpoints[index];
  how_ = Try::in_use;
  Ejection& ejection = means_.book.find(current_->id)->ejection;
  if (ejection.ejected() && rules_.eject_after > 0) {
    how_ = level_ == Level::last_resort ? Try::last_resort : Try::half_open;
    ejection.begin_try();
  }
  return current_;
}

void EndpointChoice::ended(int error, MonoTime now) {
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  out_of_resources_ = base::is_local_shortage(error, current_->address.storage.ss_family);
  EndpointBook::Entry* entry = means_.book.find(current_->id);
  if (!entry) return;
  stats::EndpointCell& cell = current_->cells->at(means_.worker);
  if (error == 0) {
    brought_back_ = entry->ejection.connected();
    if (brought_back_) cell.in_use();
  } else if (error == ECANCELED || out_of_resources_) {
    if (how_ != Try::in_use) entry->ejection.abandon_try();
  } else {
    cell.error.store(error, std::memory_order_relaxed);
    Ejection& ejection = entry->ejection;
    if (ejection.failed(how_, now, rules_.eject_after, means_.random.unit())) cell.ejections.add();
    if (ejection.ejected()) cell.out(ejection.failed_at(), ejection.retry_at());
  }
}

}  // namespace canary::upstream
