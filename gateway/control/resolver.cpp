#include "control/resolver.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "log/log.hpp"
#include "net/name_asker.hpp"

namespace canary::control {
namespace {

// A name that is slow to answer must not hold up the others.
constexpr std::size_t threads = 4;
// A name stands for no more endpoints than this.
constexpr std::size_t most_addresses = 256;
constexpr auto first_answer_deadline = std::chrono::seconds(2);
// A name that failed is asked again soon, and then ever less often: what does not exist is asked
// for by every domain of the search list, and a server that is down does not need more questions.
constexpr base::Duration first_retry = std::chrono::seconds(1);
constexpr base::Duration last_retry = std::chrono::seconds(30);
constexpr int slower_retries = 6;  // no rarer than every so many refreshes either

bool is_name(const config::EndpointUrl& url) { return traffic::numeric_address(url).length == 0; }

std::set<std::string> names_of(const std::vector<config::EndpointUrl>& endpoints) {
  std::set<std::string> names;
  for (const auto& url : endpoints)
    if (is_name(url)) names.insert(url.host);
  return names;
}

}  // namespace

/// The threads' side. They are detached, because a question in flight can take many seconds and
/// must not hold up a shutdown: each owns its share of this and touches nothing else once `ended`.
struct Resolver::Worker {
  explicit Worker(Ask ask) : ask(std::move(ask)) {}
  const Ask ask;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> questions;
  std::set<std::string> asking;  // by some thread, at this moment
  std::size_t running = 0;
  bool ended = false;
  std::function<void(std::string, base::Result<Addresses>)> answer;  // under mutex

  static void question(const std::shared_ptr<Worker>& self, const std::string& host) {
    const std::lock_guard lock(self->mutex);
    const auto& queued = self->questions;
    if (self->asking.contains(host)) return;
    if (std::find(queued.begin(), queued.end(), host) != queued.end()) return;
    self->questions.push_back(host);
    self->wake.notify_one();
    const std::size_t open = queued.size() + self->asking.size();
    if (open <= self->running || self->running >= threads) return;
    try {
      start_thread(self);
    } catch (const std::system_error&) {
      // The system has no thread left for us: the others get to it.
    }
  }

  static void start_thread(const std::shared_ptr<Worker>& self) {
    std::thread([self] { self->run(); }).detach();
    ++self->running;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return ended || !questions.empty(); });
      if (ended) return;
      const std::string host = std::move(questions.front());
      questions.pop_front();
      asking.insert(host);
      lock.unlock();
      auto addresses = ask(host);
      lock.lock();
      if (ended) return;
      asking.erase(host);
      answer(host, std::move(addresses));
    }
  }

  void end() {
    const std::lock_guard lock(mutex);
    ended = true;
    answer = nullptr;
    wake.notify_all();
  }
};

Resolver::Ask Resolver::system() {
  return [asker = std::make_shared<net::NameAsker>()](const std::string& host) {
    const net::NameAnswer answer = asker->ask(host);
    if (!answer.problem.empty()) return base::Result<Addresses>(base::Error(answer.problem));
    Addresses addresses;
    for (const auto& each : answer.addresses) {
      const boost::asio::ip::tcp::endpoint endpoint(each, 0);
      traffic::SocketAddress& address = addresses.emplace_back();
      std::memcpy(&address.storage, endpoint.data(), endpoint.size());
      address.length = static_cast<socklen_t>(endpoint.size());
    }
    return base::Result<Addresses>(std::move(addresses));
  };
}

Resolver::Resolver(boost::asio::io_context& io, std::function<void()> changed, Ask ask)
    : io_(io), changed_(std::move(changed)), worker_(std::make_shared<Worker>(std::move(ask))) {
  // From the beginning: later, there may be no thread to be had.
  Worker::start_thread(worker_);
  // Posted answers find out through the weak pointer whether the resolver is still there.
  worker_->answer = [this, &io, alive = std::weak_ptr(worker_)](auto host, auto answer) {
    boost::asio::post(io, [this, alive, host, answer = std::move(answer)] {
      const auto worker = alive.lock();
      if (!worker || worker->ended) return;
      answered(host, answer);
    });
  };
}

Resolver::~Resolver() { worker_->end(); }

void Resolver::use(const std::vector<config::EndpointUrl>& endpoints,
                   std::function<void(std::vector<std::string>)> done) {
  const std::size_t id = next_waiting_++;
  Waiting& waiting = waiting_[id];
  waiting.done = std::move(done);
  for (const auto& host : names_of(endpoints)) {
    waiting.names.push_back(host);
    if (const auto [name, is_new] = names_.try_emplace(host, io_); is_new)
      question(host, name->second);
  }
  if (all_answered(waiting)) return finish(id);
  waiting.deadline = std::make_unique<boost::asio::steady_timer>(io_, first_answer_deadline);
  waiting.deadline->async_wait([this, id, worker = worker_](boost::system::error_code cancelled) {
    if (!cancelled && !worker->ended) finish(id);
  });
}

void Resolver::keep_only(const std::vector<config::EndpointUrl>& endpoints) {
  const auto wanted = names_of(endpoints);
  std::erase_if(names_, [&](const auto& name) { return !wanted.contains(name.first); });
}

Resolver::Addresses Resolver::lookup(const config::EndpointUrl& url) const {
  if (const auto numeric = traffic::numeric_address(url); numeric.length != 0) return {numeric};
  const auto name = names_.find(url.host);
  if (name == names_.end()) return {};
  Addresses addresses = name->second.addresses;
  for (traffic::SocketAddress& address : addresses) {
    if (address.storage.ss_family == AF_INET)
      reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(url.port);
    else
      reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(url.port);
  }
  return addresses;
}

std::string Resolver::problem(const config::EndpointUrl& url) const {
  const auto name = names_.find(url.host);
  return name == names_.end() ? std::string() : name->second.problem;
}

/// True: the name has other addresses than before. No answer leaves the last good one in place: a
/// DNS outage must not take endpoints away.
bool Resolver::take(const std::string& host, Name& name, base::Result<Addresses> answer) {
  if (answer && answer->empty()) answer = base::Error("it has no address");
  if (!answer) {
    if (name.problem.empty())
      log::warn(
          "dns_failing",
          {{"name", host}, {"error", answer.error().message()}, {"kept", name.addresses.size()}});
    name.problem = answer.error().message();
    return false;
  }
  // The order says nothing: it changes with every answer of a round robin.
  Addresses& next = *answer;
  const auto before = [](const auto& a, const auto& b) { return a.key() < b.key(); };
  std::sort(next.begin(), next.end(), before);
  next.erase(std::unique(next.begin(), next.end()), next.end());
  if (next.size() > most_addresses) next.resize(most_addresses);
  const bool other = next != name.addresses;
  const bool news = !name.problem.empty() || (other && name.answered);
  name.problem.clear();
  name.addresses = std::move(next);
  if (news) log::info("dns_answered", {{"name", host}, {"addresses", name.addresses.size()}});
  return other;
}

void Resolver::answered(const std::string& host, base::Result<Addresses> answer) {
  const auto found = names_.find(host);
  if (found == names_.end()) return;
  Name& name = found->second;
  const bool other = take(host, name, std::move(answer));
  const bool first = !std::exchange(name.answered, true);
  name.failures = name.problem.empty() ? 0 : name.failures + 1;
  name.asking = false;
  ask_later(host, name);

  bool awaited = false;
  std::vector<std::size_t> ready;
  for (const auto& [id, waiting] : waiting_) {
    if (std::find(waiting.names.begin(), waiting.names.end(), host) == waiting.names.end())
      continue;
    awaited = true;
    if (all_answered(waiting)) ready.push_back(id);
  }
  for (const auto id : ready) finish(id);
  if (other && !(first && awaited)) changed_();
}

bool Resolver::all_answered(const Waiting& waiting) const {
  for (const auto& host : waiting.names) {
    const auto name = names_.find(host);
    if (name != names_.end() && !name->second.answered) return false;
  }
  return true;
}

void Resolver::finish(std::size_t id) {
  auto node = waiting_.extract(id);
  if (node.empty()) return;
  std::vector<std::string> unresolved;
  for (const auto& host : node.mapped().names) {
    const auto name = names_.find(host);
    if (name == names_.end() || name->second.addresses.empty()) unresolved.push_back(host);
  }
  node.mapped().done(std::move(unresolved));
}

void Resolver::refresh_every(base::Duration interval) {
  if (interval == interval_) return;
  interval_ = interval;
  for (auto& [host, name] : names_)
    if (!name.asking) ask_later(host, name);
}

void Resolver::question(const std::string& host, Name& name) {
  name.asking = true;
  Worker::question(worker_, host);
}

void Resolver::ask_later(const std::string& host, Name& name) {
  base::Duration wait = interval_;
  if (name.failures > 0) {
    const base::Duration longest =
        interval_ < last_retry / slower_retries ? interval_ * slower_retries : last_retry;
    wait = std::min(interval_, first_retry);
    for (unsigned i = 1; i < name.failures && wait < longest; ++i) wait *= 2;
    wait = std::min(wait, longest);
  }
  name.next.expires_after(wait);
  name.next.async_wait([this, host, worker = worker_](boost::system::error_code cancelled) {
    if (cancelled || worker->ended) return;
    if (const auto found = names_.find(host); found != names_.end()) question(host, found->second);
  });
}

std::vector<config::EndpointUrl> endpoints_of(const config::Config& config) {
  std::vector<config::EndpointUrl> endpoints;
  for (const auto& model : config.models) {
    for (const auto& url : model.stable.endpoints) endpoints.push_back(url);
    if (!model.canary) continue;
    for (const auto& url : model.canary->endpoints) endpoints.push_back(url);
  }
  return endpoints;
}

}  // namespace canary::control
