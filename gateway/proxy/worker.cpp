#include "proxy/worker.hpp"

#include <malloc.h>

#include <algorithm>

namespace canary::proxy {
namespace {

constexpr base::Duration second = std::chrono::seconds(1);
// When so many connections have ended, and half of them, their memory goes back to the system: by
// itself the heap keeps it. That takes milliseconds.
constexpr std::size_t crowd = 1000;
constexpr base::Duration between_trims = std::chrono::seconds(30);

}  // namespace

/// Once per second: the clock offset, the limit of descriptors, and access-log lines that wait in a
/// part-filled buffer.
class Worker::Housekeeping final : public reactor::Timer {
 public:
  explicit Housekeeping(Worker& worker) : worker_(worker) { on_timer(worker.reactor_.now()); }
  void on_timer(base::MonoTime now) override {
    const base::SystemClock clock;
    worker_.call_.wall_offset = clock.wall().time_since_epoch() - clock.mono().time_since_epoch();
    worker_.call_.access.flush();
    worker_.look_at_descriptors();
    worker_.give_back_memory();
    worker_.reactor_.wheel().arm(*this, now + second);
  }

 private:
  Worker& worker_;
};

Worker::Worker(std::size_t index, std::size_t workers,
               std::shared_ptr<const traffic::RoutingTable> table, log::AccessLogWriter* access_log,
               const base::Clock& clock)
    : index_(index),
      workers_(workers),
      reactor_(clock),
      call_(index, reactor_.time(), counters_.refused, std::move(table), access_log),
      wires_(call_, reactor_, buffers_,
             {.ended = [this](call::Client& client) { ended(client); },
              .unasked = [this] { counters_.unasked.add(); },
              .make_room = [this] { return evict_idle(); }}),
      housekeeping_(std::make_unique<Housekeeping>(*this)) {}

Worker::~Worker() = default;

void Worker::run() { reactor_.run(); }

void Worker::install(std::shared_ptr<const traffic::RoutingTable> table) {
  call_.install(std::move(table));
  wires_.follow();
  for (auto& listener : listeners_) listener->accept();  // the connection limit may have risen
}

void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  wires_.drain();
  for (auto& listener : listeners_) listener->drain();
  for (call::Client* client = clients_; client; client = client->next) client->drain();
  stop_when_drained();
}

// Not while a listener accepts: a session that ends at once is not the last one then.
void Worker::stop_when_drained() {
  const bool accepting = std::any_of(listeners_.begin(), listeners_.end(),
                                     [](const auto& listener) { return listener->open(); });
  if (draining_ && !accepting && !clients_) reactor_.stop();
}

template <class F>
void Worker::for_each_client(F&& f) {
  call::Client* client = clients_;
  while (client) {
    call::Client* const next = client->next;  // ending takes the client out of the list
    f(*client);
    client = next;
  }
}

void Worker::shut_down() {
  for (auto& listener : listeners_) listener->close();
  for_each_client([](call::Client& client) { client.shut_down(); });
  stop_when_drained();
}

void Worker::end_requests(const std::string& model, const std::string& version) {
  for_each_client([&](call::Client& client) { client.end_request(model, version); });
}

void Worker::give_back_memory() {
  const std::size_t left = most_clients_ - client_count_;
  if (left < std::max(crowd, client_count_) || reactor_.now() < next_trim_) return;
  most_clients_ = client_count_;
  next_trim_ = reactor_.now() + between_trims;
  ::malloc_trim(0);
}

void Worker::serve(int fd, const sockaddr_storage& peer, bool turned_away) {
  call::Client* const added = wires_.make_client(peer, turned_away).release();
  added->next = clients_;
  if (clients_) clients_->previous = added;
  clients_ = added;
  most_clients_ = std::max(most_clients_, ++client_count_);
  if (turned_away) ++turning_away_;
  added->start(fd);
}

void Worker::ended(call::Client& client) {
  if (client.previous)
    client.previous->next = client.next;
  else
    clients_ = client.next;
  if (client.next) client.next->previous = client.previous;
  const bool was_full = full();
  --client_count_;
  if (client.turned_away()) --turning_away_;
  counters_.closed.add();
  reactor_.retire(std::unique_ptr<call::Client>(&client));
  if (was_full && !draining_)
    for (auto& listener : listeners_) listener->accept_later();
  stop_when_drained();
}

}  // namespace canary::proxy
