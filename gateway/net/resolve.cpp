#include "net/resolve.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "net/name_asker.hpp"

namespace canary::net {
namespace asio = boost::asio;

namespace {

// Shared by who waits and who looks up: the one who is left behind must not outlive it.
struct LookUp {
  std::mutex mutex;
  std::condition_variable_any answered;
  bool done = false;
  NameAnswer answer;
};

void look_up(const std::string& host, LookUp& out) {
  NameAnswer answer = NameAsker().ask(host);
  const std::lock_guard lock(out.mutex);
  out.answer = std::move(answer);
  out.done = true;
  out.answered.notify_one();
}

}  // namespace

// getaddrinfo cannot be interrupted: its thread is left behind when it outlasts the deadline.
base::Result<Endpoints> resolve(const Url& url, base::Duration timeout, std::stop_token stop) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(url.host, not_numeric);
  const auto port = static_cast<std::uint16_t>(std::stoul(url.port));
  if (!not_numeric) return Endpoints{{address, port}};
  const auto shared = std::make_shared<LookUp>();
  try {
    std::thread([host = url.host, shared] { look_up(host, *shared); }).detach();
  } catch (const std::system_error& error) {
    return base::Error("cannot resolve " + url.host + ": no thread: " + error.code().message());
  }
  std::unique_lock lock(shared->mutex);
  const auto done = [&shared] { return shared->done; };
  if (!shared->answered.wait_for(lock, std::move(stop), timeout, done))
    return base::Error("cannot resolve " + url.host + ": no answer in time");
  if (!shared->answer.problem.empty())
    return base::Error("cannot resolve " + url.host + ": " + shared->answer.problem);
  Endpoints endpoints;
  for (const auto& each : shared->answer.addresses) endpoints.emplace_back(each, port);
  return endpoints;
}

}  // namespace canary::net
