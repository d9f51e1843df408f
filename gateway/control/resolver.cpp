#include "control/resolver.hpp"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace canary::control {
namespace {

constexpr auto refresh_interval = std::chrono::seconds(30);
constexpr auto first_answer_deadline = std::chrono::seconds(2);

bool is_name(const config::EndpointUrl& url) { return traffic::lookup_numeric(url).length == 0; }

std::set<std::string> names_of(const std::vector<config::EndpointUrl>& endpoints) {
  std::set<std::string> names;
  for (const auto& url : endpoints)
    if (is_name(url)) names.insert(url.host);
  return names;
}

}  // namespace

/// The thread's side. It is detached, because a question in flight can take many seconds and must
/// not hold up a shutdown: it owns its share of this and touches nothing else once `ended`.
struct Resolver::Worker {
  explicit Worker(Ask ask) : ask(std::move(ask)) {}
  const Ask ask;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> questions;
  bool ended = false;
  std::function<void(std::string, std::optional<traffic::SocketAddress>)> answer;  // under mutex

  void question(const std::string& host) {
    const std::lock_guard lock(mutex);
    for (const auto& queued : questions)
      if (queued == host) return;
    questions.push_back(host);
    wake.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return ended || !questions.empty(); });
      if (ended) return;
      const std::string host = std::move(questions.front());
      questions.pop_front();
      lock.unlock();
      auto address = ask(host);
      lock.lock();
      if (ended) return;
      answer(host, address);
    }
  }

  void end() {
    const std::lock_guard lock(mutex);
    ended = true;
    answer = nullptr;
    wake.notify_one();
  }
};

std::optional<traffic::SocketAddress> Resolver::ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  traffic::SocketAddress address;
  if (found == nullptr || found->ai_addrlen > sizeof address.storage) return std::nullopt;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

Resolver::Resolver(boost::asio::io_context& io, std::function<void()> changed, Ask ask)
    : io_(io),
      changed_(std::move(changed)),
      worker_(std::make_shared<Worker>(std::move(ask))),
      refresh_(io) {
  // Posted answers find out through the weak pointer whether the resolver is still there.
  worker_->answer = [this, &io, alive = std::weak_ptr(worker_)](auto host, auto address) {
    boost::asio::post(io, [this, alive, host, address] {
      const auto worker = alive.lock();
      if (!worker || worker->ended) return;
      answered(host, address);
    });
  };
  std::thread([worker = worker_] { worker->run(); }).detach();
  refresh_later();
}

Resolver::~Resolver() { worker_->end(); }

void Resolver::use(const std::vector<config::EndpointUrl>& endpoints,
                   std::function<void(std::vector<std::string>)> done) {
  const std::size_t id = next_waiting_++;
  Waiting& waiting = waiting_[id];
  waiting.done = std::move(done);
  for (const auto& host : names_of(endpoints)) {
    waiting.names.push_back(host);
    if (names_.try_emplace(host).second) worker_->question(host);
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

traffic::SocketAddress Resolver::lookup(const config::EndpointUrl& url) const {
  if (const auto numeric = traffic::lookup_numeric(url); numeric.length != 0) return numeric;
  const auto name = names_.find(url.host);
  if (name == names_.end() || !name->second.address) return {};
  traffic::SocketAddress address = *name->second.address;
  if (address.storage.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(url.port);
  else
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(url.port);
  return address;
}

void Resolver::answered(const std::string& host, std::optional<traffic::SocketAddress> address) {
  const auto found = names_.find(host);
  if (found == names_.end()) return;
  Name& name = found->second;
  const bool first = !name.answered;
  name.answered = true;
  // No answer leaves the last good one in place: a DNS outage must not take endpoints away.
  const bool other = address && (!name.address || !(*name.address == *address));
  if (other) name.address = address;

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
    if (name == names_.end() || !name->second.address) unresolved.push_back(host);
  }
  node.mapped().done(std::move(unresolved));
}

void Resolver::refresh_later() {
  refresh_.expires_after(refresh_interval);
  refresh_.async_wait([this, worker = worker_](boost::system::error_code cancelled) {
    if (cancelled || worker->ended) return;
    for (const auto& [host, name] : names_) worker_->question(host);
    refresh_later();
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
