#include "run/gateway.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstring>
#include <optional>

#include "admin/listeners.hpp"
#include "base/cpus.hpp"
#include "base/descriptors.hpp"
#include "base/running_time.hpp"
#include "base/version.hpp"
#include "config/load.hpp"
#include "control/controller.hpp"
#include "log/log.hpp"
#include "net/http_probe.hpp"
#include "notify/http_notifier.hpp"
#include "proxy/worker_pool.hpp"
#include "run/own_version.hpp"
#include "run/signals.hpp"
#include "run/start_advice.hpp"
#include "run/start_file.hpp"

namespace canary::run {
namespace {

namespace asio = boost::asio;

constexpr std::size_t max_workers = 256;  // what data.workers may say

admin::ProcessCounters count_process(const proxy::WorkerPool& pool,
                                     const log::AccessLogWriter* access_log) {
  admin::ProcessCounters counters;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const proxy::WorkerCounters* worker = pool.counters(i);
    if (!worker) continue;
    const std::uint64_t closed = worker->closed.get();
    const std::uint64_t accepted = worker->accepted.get();
    counters.connections_accepted += accepted;
    counters.accept_errors += worker->accept_errors.get();
    counters.turned_away += worker->turned_away.get();
    counters.evicted += worker->evicted.get();
    counters.unasked += worker->unasked.get();
    counters.connections_open += accepted > closed ? accepted - closed : 0;
    worker->refused.for_each([&](stats::Outcome, std::uint16_t code, std::uint64_t count) {
      counters.refused[code] += count;
    });
  }
  counters.descriptors_open = base::open_descriptors();
  counters.descriptor_limit = base::descriptor_limit();
  if (access_log) counters.access_log_dropped = access_log->dropped_lines();
  return counters;
}

/// What people can put into a browser for a listener: an address that stands for all of the
/// machine's is named by the machine, port 0 by the port that the kernel chose.
std::string reachable(config::ListenAddress listen, std::uint16_t port) {
  listen.port = port;
  const bool any = listen.host == "0.0.0.0" || listen.host == "::";
  char name[256] = {};
  if (any && ::gethostname(name, sizeof name - 1) == 0 && name[0] != 0)
    return "http://" + std::string(name) + ":" + std::to_string(port);
  return "http://" + listen.to_string();
}

/// What messages link to.
std::string status_url(const config::Admin& admin, std::uint16_t port) {
  std::string base = admin.url.empty() ? reachable(admin.listen, port) : admin.url;
  while (base.ends_with('/')) base.pop_back();
  return base + "/internal/status";
}

int fail(std::string_view message) {
  log::error("start_failed", {{"message", message}});
  return run_failed;
}

int fail(const base::Error& error) { return fail(explain(error.message())); }

/// Everything that runs, in the order of its making.
class Gateway {
 public:
  explicit Gateway(const RunOptions& options) : options_(options) {}

  /// Up to `ready`, or the signal that comes before. The exit status when it comes to nothing.
  std::optional<int> start() {
    std::optional<control::Started> started;
    {
      const StartGuard guard;
      if (const int failed = prepare(started); failed != run_stopped) return failed;
    }
    begin(*started);
    while (!ready_ && !io_.stopped()) io_.run_one();
    return std::nullopt;
  }

  int run() {
    io_.run();
    controller_->stop();
    end_soon(run_stopped);
    return run_stopped;
  }

 private:
  /// Everything up to what is in force: reads, opens, listens.
  int prepare(std::optional<control::Started>& started) {
    const control::StartFile file = read_start_file(options_.config_path);
    const bool readable = file.unread.empty();
    if (says_too_many_open(file.unread)) return fail(base::Error(file.unread));
    const auto dir = options_.state_dir.empty() ? state_dir_of(file) : options_.state_dir;
    // Which state directory is an unreadable file's nobody knows; where the default one is not
    // there, nothing is kept either.
    std::error_code ignored;
    if (!readable && options_.state_dir.empty() && !std::filesystem::exists(dir, ignored))
      return run_invalid_config;
    auto state_dir = store::StateDir::open(dir);
    if (!state_dir) return fail(state_dir.error());
    state_dir_.emplace(std::move(*state_dir));
    started = control::choose_config(file, *state_dir_);
    if (!started) return run_invalid_config;
    if (const auto opened = open(started->config); !opened) return fail(opened.error());
    own_descriptors_ = base::open_descriptors() + pool_->descriptors_to_open();
    if (const auto lack = lack_of_room(own_descriptors_, pool_->size())) return fail(*lack);
    const auto objections =
        control::settle_objections(*started, *controller_, *state_dir_, options_.config_path);
    return objections.settled ? run_stopped : run_invalid_config;
  }

  base::Result<void> open(const config::Config& config) {
    auto state = store::open_state(*state_dir_);
    if (!state) return state.error();
    state_.emplace(std::move(*state));
    if (state_->journal.lost)
      log::error("state_lost", {{"kept_aside", state_->journal.kept_aside}});
    if (config.access_log) {
      auto access_log = log::AccessLogWriter::open(config.access_log->path);
      if (!access_log) return access_log.error();
      access_log_ = std::move(*access_log);
    }
    choose_workers(config.data.workers);
    registry_.emplace(workers_.cpus);
    pool_.emplace(workers_.cpus, access_log_.get(),
                  [this](std::function<void()> call) { asio::post(io_, std::move(call)); });
    if (const auto listening = pool_->listen(config.data.listen, options_.takeover); !listening)
      return listening.error();
    make_notifier();
    make_controller();
    auto backend = admin::backend_of(
        *controller_, [this] { return count_process(*pool_, access_log_.get()); },
        [this] { return notifier_->receivers(); }, command_memory());
    auto listeners =
        admin::Listeners::open(io_, config.admin, config.observe, std::move(backend), clock_);
    if (!listeners) return listeners.error();
    listeners_ = std::move(*listeners);
    controller_->link_to(status_url(config.admin, listeners_->admin_port()));
    notifier_->forbid(own_listeners(config));
    controller_->forbid(own_listeners(config));
    return {};
  }

  store::Journal& journal() { return *state_->journal.journal; }

  admin::CommandMemory command_memory() {
    return {
        .known = std::move(state_->journal.commands),
        .remember = [this](store::CommandRow command) { journal().remember(std::move(command)); },
        .forget = [this](const std::string& key) { journal().forget_command(key); },
        .now = [this] { return clock_.mono(); }};
  }

  std::vector<config::ListenAddress> own_listeners(const config::Config& config) const {
    std::vector<config::ListenAddress> own = pool_->bound();
    own.push_back({config.admin.listen.host, listeners_->admin_port()});
    if (const auto port = listeners_->observe_port())
      own.push_back({config.observe->listen.host, *port});
    return own;
  }

  void choose_workers(std::size_t configured) {
    workers_ = {configured, "data.workers"};
    if (configured > 0) return;
    workers_ = base::cpu_share();
    workers_.cpus = std::min(workers_.cpus, max_workers);
  }

  void make_notifier() {
    notifier_.emplace(notify::HttpNotifier::Parts{
        .clock = clock_,
        .post = [this](std::function<void()> call) { asio::post(io_, std::move(call)); },
        .settled = [this](const std::string& id,
                          const std::string& receiver) { journal().settle(id, receiver); }});
  }

  void make_controller() {
    own_version_.emplace(pool_->bound().front());
    controller_.emplace(control::Parts{
        .io = io_,
        .clock = control_clock_,
        .state_dir = *state_dir_,
        .state = *state_,
        .registry = *registry_,
        .data_plane = *pool_,
        .config_path = options_.config_path,
        .notifier = &*notifier_,
        .ask_version =
            [this](const std::string& model, OwnVersion::Answer answer) {
              own_version_->ask(model, std::move(answer));
            },
        .send_probe = [this](const net::Probe& probe,
                             auto done) { net::http_probe(io_, probe, std::move(done)); },
        .descriptors =
            [this] {
              return base::DescriptorRoom{base::descriptor_limit(), own_descriptors_};
            }});
  }

  void begin(control::Started& started) {
    log_listeners(started.config);
    signals_.start();
    controller_->start(std::move(started), [this] {
      ready_ = true;
      log::info("ready");
    });
  }

  void log_listeners(const config::Config& config) {
    log::info("starting", {{"version", base::version()},
                           {"commit", base::commit()},
                           {"workers", pool_->size()},
                           {"workers_by", workers_.why},
                           {"state_dir", state_dir_->path().string()}});
    const auto say = [](std::string_view listener, const config::ListenAddress& address) {
      log::info("listening", {{"listener", listener}, {"address", address.to_string()}});
    };
    for (const auto& address : pool_->bound()) say("data", address);
    say("admin", {config.admin.listen.host, listeners_->admin_port()});
    if (const auto port = listeners_->observe_port())
      say("observe", {config.observe->listen.host, *port});
  }

  void handle(int signal) {
    if (signal == SIGHUP)
      controller_->reload("SIGHUP", [](const control::Outcome&) {});
    else if (signal == SIGUSR1)
      reopen_logs();
    else if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT)
      stop(signal);
    else if (signal == SIGXCPU)  // comes again every second until the hard limit
      draining_ ? void() : stop(signal);
    else
      log::warn("signal_ignored", {{"signal", signal_name(signal)}});
  }

  void reopen_logs() {
    if (access_log_) access_log_->reopen();
    log::info("logs_reopened");
  }

  // The first signal drains, the second one does not wait any longer.
  void stop(int signal) {
    if (draining_) {
      pool_->shut_down();
      return;
    }
    draining_ = true;
    log::info("draining", {{"signal", ::strsignal(signal)},
                           {"for_at_most", base::format_duration(options_.drain)}});
    controller_->set_draining();
    pool_->drain([this] {
      log::info("stopped");
      listeners_->close();
      io_.stop();
    });
    drain_timer_.expires_after(options_.drain);
    drain_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      log::warn("drain_expired", {{"message", "ending what is still in flight"}});
      pool_->shut_down();
    });
  }

  const RunOptions& options_;
  const base::SystemClock clock_;
  // The controller's tick asks it four times a second.
  const base::RunningClock control_clock_{clock_, std::chrono::milliseconds(250)};
  asio::io_context io_{1};
  Signals signals_{io_, [this](int signal) { handle(signal); }};
  asio::steady_timer drain_timer_{io_};
  bool ready_ = false, draining_ = false;
  std::optional<store::StateDir> state_dir_;
  std::optional<store::State> state_;
  std::unique_ptr<log::AccessLogWriter> access_log_;
  base::CpuShare workers_;
  std::size_t own_descriptors_ = 0;  // without connections
  std::optional<stats::Registry> registry_;
  std::optional<proxy::WorkerPool> pool_;
  std::optional<OwnVersion> own_version_;
  std::optional<notify::HttpNotifier> notifier_;
  std::optional<control::Controller> controller_;
  std::unique_ptr<admin::Listeners> listeners_;
};

// What a start needs of the operating system and does not get (descriptors, threads, memory) is
// thrown by whatever asked for it. Once it is ready, an exception is a bug.
int start_and_run(const RunOptions& options) {
  std::optional<Gateway> gateway;
  try {
    log::start(log::Level::info);
    gateway.emplace(options);
    if (const auto failed = gateway->start()) return *failed;
  } catch (const std::exception& error) {
    return fail(explain(error));
  }
  return gateway->run();
}

}  // namespace

int run_gateway(const RunOptions& options) {
  base::raise_descriptor_limit();
  const int status = start_and_run(options);
  log::stop();
  return status;
}

}  // namespace canary::run
