#include "store/journal.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "log/log.hpp"
#include "store/journal_open.hpp"
#include "store/journal_tables.hpp"

namespace canary::store {
namespace {

constexpr std::size_t queue_capacity = 4096;

struct Write {
  Journal::Record record;
  bool retry = false;
  std::function<void(base::Result<void>)> done;
  bool same_rollout(const Write& other) const {
    const rollout::State &mine = record.state, &its = other.record.state;
    return mine.model == its.model && mine.canary == its.canary;
  }
};
struct Read {
  std::string model;
  std::size_t limit = 0;
  std::function<void(base::Result<std::vector<HistoryRow>>)> done;
};
struct Work {
  std::function<base::Result<void>()> work;
  std::function<void(base::Result<void>)> done;
};
using Job = std::variant<Write, Read, Work>;

}  // namespace

/// `mutex` guards queue and ending; the database and the backlog are the writer thread's alone.
struct Journal::Impl {
  explicit Impl(Options given) : options(std::move(given)), pause(options.first_pause) {}

  const Options options;
  Database database;
  std::uint64_t submitted = 0;  // control thread
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> queue;
  bool ending = false;
  std::deque<Write> backlog;  // lowerings that failed, in order; every later write waits for them
  std::chrono::milliseconds pause;
  std::atomic<bool> healthy{true};
  std::thread thread;

  void submit(Job job);
  void run();
  std::deque<Job> take();
  void perform(Write write);
  void perform(const Work& work) { work.done(work.work()); }
  void perform(const Read& read) { read.done(read_history(database, read.model, read.limit)); }
  base::Result<void> attempt(const Write& write);
  bool flush_backlog();
  void keep(Write write);
};

/// Takes what is queued; waits for work, or for the time of the next attempt.
std::deque<Job> Journal::Impl::take() {
  std::unique_lock lock(mutex);
  const auto awake = [this] { return ending || !queue.empty(); };
  if (backlog.empty())
    wake.wait(lock, awake);
  else
    wake.wait_for(lock, pause, awake);
  return std::exchange(queue, {});
}

void Journal::Impl::run() {
  for (;;) {
    auto jobs = take();
    if (jobs.empty() && !flush_backlog()) pause = std::min(pause * 2, options.longest_pause);
    for (auto& job : jobs) std::visit([this](auto& work) { perform(std::move(work)); }, job);
    const std::lock_guard lock(mutex);
    if (ending && queue.empty()) break;
  }
  flush_backlog();
  for (auto& write : backlog)
    write.done(base::Error("not committed: the gateway is ending and the disk did not take it"));
}

base::Result<void> Journal::Impl::attempt(const Write& write) {
  auto result = options.refuse && options.refuse() ? base::Error("the disk takes no write")
                                                   : store::write(database, write.record);
  const bool was_healthy = healthy.exchange(result.has_value());
  if (!result && was_healthy)
    log::error("state_not_durable", {{"error", result.error().message()}});
  if (result && !was_healthy) log::info("state_durable");
  return result;
}

/// False when the oldest failed lowering fails again.
bool Journal::Impl::flush_backlog() {
  while (!backlog.empty()) {
    if (!attempt(backlog.front())) return false;
    backlog.front().done({});
    backlog.pop_front();
  }
  pause = options.first_pause;
  return true;
}

void Journal::Impl::perform(Write write) {
  if (!flush_backlog()) {
    // In order: nothing overtakes a lowering that is not on the disk yet.
    if (write.retry) return keep(std::move(write));
    return write.done(base::Error("an earlier decision could not be committed yet"));
  }
  auto result = attempt(write);
  if (!result && write.retry) return keep(std::move(write));
  write.done(std::move(result));
}

/// Bounded: when full, the oldest write gives way whose rollout has a later state in the backlog.
/// Its history row and messages are lost, its state is not.
void Journal::Impl::keep(Write write) {
  backlog.push_back(std::move(write));
  if (backlog.size() <= queue_capacity) return;
  auto oldest = backlog.begin();
  while (std::none_of(oldest + 1, backlog.end(),
                      [&](const Write& later) { return later.same_rollout(*oldest); })) {
    if (++oldest == backlog.end() - 1)
      return;  // as many rollouts as entries: the latch file's bound
  }
  oldest->done(base::Error("not committed: a later decision took its place"));
  backlog.erase(oldest);
}

void Journal::Impl::submit(Job job) {
  ++submitted;
  {
    const std::lock_guard lock(mutex);
    const auto* write = std::get_if<Write>(&job);
    const bool must = write != nullptr && write->retry;  // bounded by keep()
    if (must || queue.size() < queue_capacity) {
      queue.push_back(std::move(job));
      wake.notify_one();
      return;
    }
  }
  std::visit([](auto& work) { work.done(base::Error("the state's writer is overloaded")); }, job);
}

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Journal::~Journal() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

base::Result<Journal::Opened> Journal::open(const std::filesystem::path& state_dir) {
  return open(state_dir, Options());
}

base::Result<Journal::Opened> Journal::open(const std::filesystem::path& state_dir,
                                            Options options) {
  auto opened = open_database(state_dir);
  if (!opened) return opened.error();
  if (!options.sync)
    if (auto done = opened->database.exec("PRAGMA synchronous=OFF"); !done) return done.error();
  auto impl = std::make_unique<Impl>(std::move(options));
  impl->database = std::move(opened->database);
  Opened result;
  result.journal.reset(new Journal(std::move(impl)));
  result.states = std::move(opened->states);
  result.outbox = std::move(opened->outbox);
  result.first_start = opened->first_start;
  result.lost = opened->lost;
  result.kept_aside = std::move(opened->kept_aside);
  return result;
}

void Journal::commit(Record record, bool retry, std::function<void(base::Result<void>)> done) {
  if (!done) done = [](const base::Result<void>&) {};
  impl_->submit(Write{std::move(record), retry, std::move(done)});
}

void Journal::settle(const std::string& id, const std::string& receiver) {
  perform(
      [impl = impl_.get(), id, receiver] { return remove_message(impl->database, id, receiver); },
      [id, receiver](const base::Result<void>& removed) {
        if (!removed)
          log::warn("message_not_forgotten",
                    {{"id", id}, {"receiver", receiver}, {"error", removed.error().message()}});
      });
}

void Journal::perform(std::function<base::Result<void>()> work,
                      std::function<void(base::Result<void>)> done) {
  impl_->submit(Work{std::move(work), std::move(done)});
}

void Journal::history(std::string model, std::size_t limit,
                      std::function<void(base::Result<std::vector<HistoryRow>>)> done) {
  impl_->submit(Read{std::move(model), limit, std::move(done)});
}

std::uint64_t Journal::submitted() const { return impl_->submitted; }

bool Journal::healthy() const { return impl_->healthy.load(std::memory_order_relaxed); }

}  // namespace canary::store
