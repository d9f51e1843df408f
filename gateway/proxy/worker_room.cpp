// Who gets in, and who must go for it.
#include <algorithm>
#include <vector>

#include "proxy/worker.hpp"

namespace canary::proxy {
namespace {

// Who has just had an answer may be about to ask again: closing then would meet the next request.
constexpr base::Duration long_idle = std::chrono::seconds(1);
constexpr base::Duration fruitless = std::chrono::milliseconds(100);
// Looking at every client pays only when several go at once.
constexpr std::size_t most_evicted = 32, evicted_fraction = 8;

}  // namespace

bool Worker::full() const {
  return (client_count_ - turning_away_) * workers_ >= call_.in_force().limits.connections;
}

void Worker::look_at_descriptors() {
  descriptors_ = base::share_descriptors(base::descriptor_limit());
  wires_.keep_below(descriptors_.upstreams);
}

Worker::Admission Worker::admit(int fd) {
  few_descriptors_ = fd >= descriptors_.clients;
  if (!few_descriptors_ && (!full() || draining_ || evict_idle())) return Admission::served;
  if (fd >= descriptors_.turned_away || turning_away_ >= most_turned_away) return Admission::none;
  counters_.turned_away.add();
  return Admission::turned_away;
}

bool Worker::overfull() {
  const bool busy = turning_away_ >= most_turned_away;
  if (busy && full()) return true;
  if (!few_descriptors_) return false;
  const int next = base::next_descriptor();
  few_descriptors_ = next >= descriptors_.clients;
  return busy ? few_descriptors_ : next >= descriptors_.turned_away;
}

bool Worker::evict_idle() {
  const base::MonoTime now = reactor_.now();
  if (now < next_eviction_) return false;
  std::vector<call::Client*> idle;
  for (call::Client* client = clients_; client; client = client->next)
    if (now - client->idle_since() >= long_idle && client->idle()) idle.push_back(client);
  if (idle.empty()) {
    next_eviction_ = now + fruitless;
    return false;
  }
  // Those who never asked for anything go first.
  const auto sooner = [](const call::Client* a, const call::Client* b) {
    if (a->had_request() != b->had_request()) return b->had_request();
    return a->idle_since() < b->idle_since();
  };
  const std::size_t count =
      std::clamp<std::size_t>(idle.size() / evicted_fraction, 1, most_evicted);
  const auto end = idle.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(idle.begin(), end, idle.end(), sooner);
  bool any = false;
  std::for_each(idle.begin(), end, [&](call::Client* client) {
    if (client->has_input()) return;  // its next request has come
    counters_.evicted.add();
    client->shut_down();
    any = true;
  });
  return any;
}

}  // namespace canary::proxy
