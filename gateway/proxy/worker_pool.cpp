#include "proxy/worker_pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "log/log.hpp"
#include "reactor/tcp.hpp"

namespace canary::proxy {
namespace {

// With one worker per CPU each stays on its own; with fewer the kernel places them.
void pin_thread(std::size_t worker, std::size_t workers) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  if (workers < 2 || static_cast<std::size_t>(CPU_COUNT(&allowed)) != workers) return;
  std::size_t seen = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != worker) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
  }
}

void name_thread(std::size_t worker) {
  const std::string name = "worker-" + std::to_string(worker);
  pthread_setname_np(pthread_self(), name.c_str());
}

bool is_v6(const config::ListenAddress& address) {
  return address.host.find(':') != std::string::npos;
}

}  // namespace

WorkerPool::WorkerPool(std::size_t workers, log::AccessLogWriter* access_log, PostToControl post)
    : worker_count_(workers),
      access_log_(access_log),
      post_(std::move(post)),
      listeners_(workers) {}

WorkerPool::~WorkerPool() {
  post_to_all([](Worker& worker) {
    worker.drain();
    worker.shut_down();
  });
  for (auto& thread : threads_) thread.join();
  close_listeners();
}

base::Result<void> WorkerPool::listen(const std::vector<config::ListenAddress>& addresses,
                                      bool takeover) {
  for (const config::ListenAddress& wanted : addresses) {
    config::ListenAddress bound = wanted;
    const bool has_v4 =
        std::any_of(addresses.begin(), addresses.end(), [&](const config::ListenAddress& other) {
          return !is_v6(other) && other.port == wanted.port && wanted.port != 0;
        });
    for (std::size_t i = 0; i < worker_count_; ++i) {
      const bool probe = i == 0 && !takeover;
      reactor::Address address = reactor::numeric_address(bound.host, bound.port);
      address.ipv6_only = is_v6(wanted) && has_v4;
      const auto fd = reactor::listen_tcp(address, probe);
      if (!fd) {
        close_listeners();
        return fd.error();
      }
      listeners_[i].push_back(*fd);
      bound.port = reactor::bound_port(*fd);
    }
    bound_.push_back(bound);
  }
  return {};
}

void WorkerPool::close_listeners() {
  bound_.clear();
  for (auto& fds : listeners_) {
    for (const int fd : fds) ::close(fd);
    fds.clear();
  }
}

void WorkerPool::start_workers(const std::shared_ptr<const traffic::RoutingTable>& table) {
  states_.assign(worker_count_, State::current);
  for (std::size_t i = 0; i < worker_count_; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, worker_count_, table, access_log_));
    for (const int fd : std::exchange(listeners_[i], {})) workers_.back()->add_listener(fd);
  }
  for (std::size_t i = 0; i < worker_count_; ++i, ++running_) {
    threads_.emplace_back([this, i] {
      name_thread(i);
      pin_thread(i, worker_count_);
      workers_[i]->run();
      post_([this, i] { ended(i); });
    });
  }
}

void WorkerPool::publish(std::shared_ptr<const traffic::RoutingTable> table,
                         std::function<void()> on_applied) {
  if (workers_.empty()) start_workers(table);
  next_.table = std::move(table);
  next_.on_applied.push_back(std::move(on_applied));
  if (!installing_.table) send_table();
}

void WorkerPool::send_table() {
  installing_ = std::exchange(next_, {});
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (states_[i] == State::ended) continue;
    states_[i] = State::installing;
    ++to_install_;
    post(*workers_[i], [this, i, table = installing_.table] {
      workers_[i]->install(table);
      post_([this, i] { installed(i, State::current); });
    });
  }
  if (to_install_ == 0) post_([this] { applied(); });
}

// A worker that has ended has no request left to send by an older table.
void WorkerPool::installed(std::size_t worker, State state) {
  const State before = std::exchange(states_[worker], state);
  if (before == State::installing && --to_install_ == 0) applied();
}

void WorkerPool::ended(std::size_t worker) {
  installed(worker, State::ended);
  if (--running_ == 0 && on_drained_) std::exchange(on_drained_, nullptr)();
}

void WorkerPool::applied() {
  const Waiting done = std::exchange(installing_, {});
  if (next_.table) send_table();
  for (const auto& on_applied : done.on_applied) on_applied();
}

void WorkerPool::end_requests(const std::string& model, const std::string& version) {
  post_to_all([model, version](Worker& worker) { worker.end_requests(model, version); });
}

void WorkerPool::announce(std::shared_ptr<const traffic::VersionAnswers> answers) {
  post_to_all([answers](Worker& worker) { worker.announce(answers); });
}

void WorkerPool::drain(std::function<void()> on_drained) {
  if (running_ == 0) {
    post_(std::move(on_drained));
    return;
  }
  on_drained_ = std::move(on_drained);
  post_to_all([](Worker& worker) { worker.drain(); });
}

void WorkerPool::shut_down() {
  post_to_all([](Worker& worker) { worker.shut_down(); });
}

const WorkerCounters* WorkerPool::counters(std::size_t worker) const {
  return worker < workers_.size() ? &workers_[worker]->counters() : nullptr;
}

void WorkerPool::post_to_all(const std::function<void(Worker&)>& call) {
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (states_[i] != State::ended) post(*workers_[i], [call, &w = *workers_[i]] { call(w); });
}

// Control sends a worker a handful of calls per decision and waits for tables to be installed, so
// its inbox can only be full when the worker is dead: there is nothing sane to go on with.
void WorkerPool::post(Worker& worker, std::function<void()> call) {
  if (worker.reactor().inbox().post(std::move(call))) return;
  log::error("worker_unreachable", {{"worker", worker.index()}});
  log::stop();
  std::abort();
}

}  // namespace canary::proxy
