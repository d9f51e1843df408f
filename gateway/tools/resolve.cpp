#include "tools/resolve.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "net/name_asker.hpp"

namespace canary::tools {
namespace {

struct Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> hosts;    // fixed before the thread starts
  std::vector<std::string> answers;  // by host, as far as it got; empty: it resolved
};

void ask_all(const std::shared_ptr<Lookup>& lookup) {
  for (const auto& host : lookup->hosts) {
    std::string problem = net::NameAsker().ask(host).problem;
    const std::lock_guard lock(lookup->mutex);
    lookup->answers.push_back(std::move(problem));
    lookup->changed.notify_one();
  }
}

}  // namespace

std::vector<Unresolved> find_unresolved(const std::set<std::string>& hosts,
                                        base::Duration timeout) {
  if (hosts.empty()) return {};
  const auto lookup = std::make_shared<Lookup>();
  lookup->hosts.assign(hosts.begin(), hosts.end());
  std::thread([lookup] { ask_all(lookup); }).detach();

  std::unique_lock lock(lookup->mutex);
  lookup->changed.wait_for(lock, timeout,
                           [&] { return lookup->answers.size() == lookup->hosts.size(); });
  std::vector<Unresolved> out;
  for (std::size_t i = 0; i < lookup->hosts.size(); ++i) {
    const bool answered = i < lookup->answers.size();
    if (!answered)
      out.push_back({lookup->hosts[i], "the resolver did not answer in time"});
    else if (!lookup->answers[i].empty())
      out.push_back({lookup->hosts[i], lookup->answers[i]});
  }
  return out;
}

}  // namespace canary::tools
