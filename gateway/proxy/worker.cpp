#include "proxy/worker.hpp"

#include <malloc.h>

#include <algorithm>
#include <ctime>

#include "proxy/session.hpp"

namespace canary::proxy {
namespace {

constexpr std::size_t access_buffer = 32 << 10;
constexpr base::Duration second = std::chrono::seconds(1);
// When so many connections have ended, and half of them, their memory goes back to the system: by
// itself the heap keeps it. That takes milliseconds.
constexpr std::size_t crowd = 1000;
constexpr base::Duration between_trims = std::chrono::seconds(30);
// After a pause, what a server had sent before it gave up is read before its end shows.
constexpr base::Duration pause_shows = second;

}  // namespace

/// Once per second: the clock offset, the limit of descriptors, and access-log lines that wait in a
/// part-filled buffer.
class Worker::Housekeeping final : public reactor::Timer {
 public:
  explicit Housekeeping(Worker& worker) : worker_(worker) { on_timer(worker.reactor_.now()); }
  void on_timer(MonoTime now) override {
    const base::SystemClock clock;
    worker_.wall_offset_ = clock.wall().time_since_epoch() - clock.mono().time_since_epoch();
    worker_.flush_access_log();
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
      upstreams_(reactor_),
      random_(base::random_seed()),
      current_(new LocalTable{std::move(table)}),
      current_pin_(current_),
      access_log_(access_log),
      housekeeping_(std::make_unique<Housekeeping>(*this)) {
  upstreams_.follow(*current_->table);
  upstreams_.make_room = [this] { return evict_idle(); };
  upstreams_.on_unasked = [this] { counters_.unasked.add(); };
}

Worker::~Worker() { flush_access_log(); }

void Worker::run() { reactor_.run(); }

void Worker::install(std::shared_ptr<const traffic::RoutingTable> table) {
  const auto before = current_->table;
  current_ = new LocalTable{std::move(table)};
  current_pin_ = TablePin(current_);
  upstreams_.follow(*current_->table);
  // A canary that gets weight again is tried anew, not charged with a back-off from before.
  for (const traffic::Model& model : current_->table->models)
    if (model.canary_weight > 0 && !before->gives_weight(model.name, model.canary->name))
      upstreams_.hasten(model, reactor_.shared_now());
  for (auto& listener : listeners_) listener->accept();  // the connection limit may have risen
}

void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  for (auto& listener : listeners_) listener->drain();
  for (Session* session = sessions_; session; session = session->next) session->drain();
  stop_when_drained();
}

// Not while a listener accepts: a session that ends at once is not the last one then.
void Worker::stop_when_drained() {
  const bool accepting = std::any_of(listeners_.begin(), listeners_.end(),
                                     [](const auto& listener) { return listener->open(); });
  if (draining_ && !accepting && !sessions_) reactor_.stop();
}

template <class F>
void Worker::for_each_session(F&& f) {
  Session* session = sessions_;
  while (session) {
    Session* const next = session->next;  // ending takes the session out of the list
    f(*session);
    session = next;
  }
}

void Worker::shut_down() {
  for (auto& listener : listeners_) listener->close();
  for_each_session([](Session& session) { session.shut_down(); });
  stop_when_drained();
}

void Worker::end_requests(const std::string& model, const std::string& version) {
  for_each_session([&](Session& session) { session.end_request(model, version); });
}

bool Worker::kept_waiting(MonoTime since) const {
  return reactor_.paused_within(pause_shows) && since <= reactor_.resumed_at();
}

base::WallTime Worker::wall() const {
  return base::WallTime(reactor_.shared_now().time_since_epoch() + wall_offset_);
}

std::string_view Worker::date() {
  const std::time_t now =
      std::chrono::duration_cast<std::chrono::seconds>(wall().time_since_epoch()).count();
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[40];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  }
  return date_;
}

bool Worker::samples_access() {
  const base::BasisPoints sample = current_->table->access_log_sample;
  if (!access_log_ || sample == 0) return false;
  return sample == base::full_weight || random_.below(base::full_weight) < sample;
}

void Worker::log_line(std::string_view line) {
  access_lines_ += line;
  ++access_line_count_;
  if (access_lines_.size() >= access_buffer) flush_access_log();
}

void Worker::flush_access_log() {
  if (access_line_count_ == 0) return;
  access_log_->submit(std::move(access_lines_), access_line_count_);
  access_lines_ = {};
  access_lines_.reserve(access_buffer + 4096);
  access_line_count_ = 0;
}

void Worker::give_back_memory() {
  const std::size_t left = most_sessions_ - session_count_;
  if (left < std::max(crowd, session_count_) || reactor_.now() < next_trim_) return;
  most_sessions_ = session_count_;
  next_trim_ = reactor_.now() + between_trims;
  ::malloc_trim(0);
}

void Worker::adopt(std::unique_ptr<Session> session) {
  Session* const added = session.release();
  added->next = sessions_;
  if (sessions_) sessions_->previous = added;
  sessions_ = added;
  most_sessions_ = std::max(most_sessions_, ++session_count_);
  if (added->turned_away()) ++turning_away_;
}

void Worker::ended(Session& session) {
  if (session.previous)
    session.previous->next = session.next;
  else
    sessions_ = session.next;
  if (session.next) session.next->previous = session.previous;
  const bool was_full = full();
  --session_count_;
  if (session.turned_away()) --turning_away_;
  counters_.closed.add();
  reactor_.retire(std::unique_ptr<Session>(&session));
  if (was_full && !draining_)
    for (auto& listener : listeners_) listener->accept_later();
  stop_when_drained();
}

}  // namespace canary::proxy
