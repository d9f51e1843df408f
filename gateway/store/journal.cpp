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
#include "store/command_table.hpp"
#include "store/journal_open.hpp"
#include "store/journal_tables.hpp"
#include "store/latch_record.hpp"

namespace canary::store {
namespace {

constexpr std::size_t queue_capacity = 4096;
constexpr std::size_t command_queue_capacity = 256;
constexpr std::size_t group_capacity = 256;

struct Write {
  Journal::Record record;
  bool retry = false;
  std::function<void(base::Result<void>)> done;
  bool same_rollout(const Write& other) const {
    const rollout::State &mine = record.state, &its = other.record.state;
    return mine.model == its.model && mine.canary == its.canary;
  }
  bool state_alone() const { return !record.row && record.messages.empty(); }
};
/// A small change of the tables that is no decision.
struct Change {
  std::function<base::Result<void>(Database&)> work;
  std::function<void(base::Result<void>)> done;
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
using Job = std::variant<Write, Change, Read, Work>;

}  // namespace

/// `mutex` guards queue and ending; the database and the backlog are the writer thread's alone.
struct Journal::Impl {
  explicit Impl(Options given) : options(std::move(given)), pause(options.first_pause) {}

  const Options options;
  Database database;
  std::uint64_t submitted = 0;  // control thread
  std::atomic<std::size_t> commands_queued = 0;
  std::uint64_t rows_written = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> queue;
  bool ending = false;
  std::deque<Write> backlog;  // lowerings that failed, in order; every later write waits for them
  std::chrono::milliseconds pause;
  std::atomic<bool> healthy{true};
  bool marked = false;        // as not complete, while a gateway runs
  bool loss_settled = false;  // but the database still says that it replaces a lost one
  std::thread thread;

  void submit(Job job);
  bool put_into_queue(Job& job);
  void run();
  std::deque<Job> take();
  bool perform_together(std::deque<Job>& jobs);
  void shorten_history(std::size_t rows);
  void perform(Write write);
  void perform(const Change& change) { change.done(change.work(database)); }
  void perform(const Work& work) {
    work.done(refuses() ? base::Error("the disk takes no write") : work.work());
  }
  bool refuses() const { return options.refuse && options.refuse(); }
  void write_marks();
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
    while (!jobs.empty()) {
      if (perform_together(jobs)) continue;
      std::visit([this](auto& work) { perform(std::move(work)); }, jobs.front());
      jobs.pop_front();
    }
    const std::lock_guard lock(mutex);
    if (ending && queue.empty()) break;
  }
  flush_backlog();
  if (backlog.empty() && !refuses()) (void)write_complete(database, true);
  for (auto& write : backlog)
    write.done(base::Error("not committed: the gateway is ending and the disk did not take it"));
}

/// Where the disk did not take them when they were due.
void Journal::Impl::write_marks() {
  if (refuses()) return;
  if (!marked) marked = write_complete(database, false).has_value();
  if (loss_settled) loss_settled = !write_loss_settled(database).has_value();
}

base::Result<void> Journal::Impl::attempt(const Write& write) {
  write_marks();
  auto result =
      refuses() ? base::Error("the disk takes no write") : store::write(database, write.record);
  const bool was_healthy = healthy.exchange(result.has_value());
  if (result && write.record.row) shorten_history(1);
  if (!result && was_healthy)
    log::error("state_not_durable", {{"error", result.error().message()}});
  if (result && !was_healthy) log::info("state_durable");
  return result;
}

/// The writes at the front of the queue in one transaction, so that a decision waits for two syncs
/// of the disk however many are before it. False when there are none, or the disk did not take
/// them: then they are performed one by one.
bool Journal::Impl::perform_together(std::deque<Job>& jobs) {
  if (!backlog.empty() || refuses()) return false;
  std::size_t count = 0, rows = 0;
  while (
      count < std::min(jobs.size(), group_capacity) &&
      (std::holds_alternative<Write>(jobs[count]) || std::holds_alternative<Change>(jobs[count])))
    ++count;
  if (count < 2) return false;
  write_marks();
  const Transaction transaction(database);
  if (!transaction.begun()) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto* write = std::get_if<Write>(&jobs[i]);
    const auto written =
        write ? write_record(database, write->record) : std::get<Change>(jobs[i]).work(database);
    if (!written) return false;
    if (write && write->record.row) ++rows;
  }
  if (!transaction.commit()) return false;
  if (!healthy.exchange(true)) log::info("state_durable");
  for (; count > 0; --count) {
    const auto* write = std::get_if<Write>(&jobs.front());
    (write ? write->done : std::get<Change>(jobs.front()).done)({});
    jobs.pop_front();
  }
  shorten_history(rows);
  return true;
}

/// Counting takes a moment, so it is done now and then.
void Journal::Impl::shorten_history(std::size_t rows) {
  constexpr std::uint64_t every = 64;
  const auto before = rows_written / every;
  rows_written += rows;
  if (rows_written / every == before) return;
  if (auto done = store::shorten_history(database, options.history); !done)
    log::warn("history_not_shortened", {{"error", done.error().message()}});
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

/// A state alone takes the place of the one before it, if that is the rollout's last in the queue.
bool Journal::Impl::put_into_queue(Job& job) {
  auto* write = std::get_if<Write>(&job);
  if (write != nullptr && write->state_alone()) {
    for (auto place = queue.rbegin(); place != queue.rend(); ++place) {
      auto* before = std::get_if<Write>(&*place);
      if (before == nullptr || !before->same_rollout(*write)) continue;
      if (!before->state_alone() || before->retry != write->retry) break;
      before->record.state = std::move(write->record.state);
      before->done = [first = std::move(before->done),
                      second = std::move(write->done)](const base::Result<void>& result) {
        first(result);
        second(result);
      };
      return true;
    }
  }
  const bool must = write != nullptr && write->retry;  // bounded by keep()
  if (!must && queue.size() >= queue_capacity) return false;
  queue.push_back(std::move(job));
  return true;
}

void Journal::Impl::submit(Job job) {
  ++submitted;
  bool taken = false;
  {
    const std::lock_guard lock(mutex);
    taken = put_into_queue(job);
  }
  if (taken) return wake.notify_one();
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
  auto opened = open_database(state_dir, options.existed);
  if (!opened) return opened.error();
  if (!options.sync)
    if (auto done = opened->database.exec("PRAGMA synchronous=OFF"); !done) return done.error();
  auto impl = std::make_unique<Impl>(std::move(options));
  impl->database = std::move(opened->database);
  impl->marked = write_complete(impl->database, false).has_value();
  Opened result;
  result.journal.reset(new Journal(std::move(impl)));
  result.states = std::move(opened->states);
  result.outbox = std::move(opened->outbox);
  result.commands = std::move(opened->commands);
  result.figures = std::move(opened->figures);
  result.first_start = opened->first_start;
  result.lost = opened->lost || opened->latch.lost;
  result.lost_just_now = opened->lost;
  result.kept_aside = std::move(opened->kept_aside);
  result.latch_instance = std::move(opened->latch.instance);
  result.complete = opened->latch.complete;
  return result;
}

void Journal::commit(Record record, bool retry, std::function<void(base::Result<void>)> done) {
  if (!done) done = [](const base::Result<void>&) {};
  impl_->submit(Write{std::move(record), retry, std::move(done)});
}

void Journal::settle(const std::string& id, const std::string& receiver) {
  impl_->submit(Change{
      [id, receiver](Database& database) { return remove_message(database, id, receiver); },
      [id, receiver](const base::Result<void>& removed) {
        if (!removed)
          log::warn("message_not_forgotten",
                    {{"id", id}, {"receiver", receiver}, {"error", removed.error().message()}});
      }});
}

void Journal::remember(CommandRow command) {
  if (impl_->commands_queued >= command_queue_capacity) return;
  ++impl_->commands_queued;
  impl_->submit(
      Change{[command = std::move(command)](Database& database) {
               return write_command(database, command);
             },
             // Only the next start would have known of it: no decision rests on it.
             [impl = impl_.get()](const base::Result<void>&) { --impl->commands_queued; }});
}

void Journal::forget_command(const std::string& key) {
  impl_->submit(Change{[key](Database& database) { return remove_command(database, key); },
                       [](const base::Result<void>&) {}});
}

void Journal::save_figures(std::vector<FigureRow> rows,
                           std::function<void(base::Result<void>)> done) {
  perform(
      [impl = impl_.get(), rows = std::move(rows)] { return write_figures(impl->database, rows); },
      std::move(done));
}

void Journal::remember_latch_file(const std::string& instance) {
  perform([impl = impl_.get(), instance] { return write_instance(impl->database, instance); },
          [](const base::Result<void>& written) {
            if (!written) log::warn("latch_file_not_named", {{"error", written.error().message()}});
          });
}

void Journal::loss_settled() {
  perform(
      [impl = impl_.get()] {
        impl->loss_settled = true;
        impl->write_marks();
        return base::Result<void>();
      },
      [](const base::Result<void>&) {});
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
