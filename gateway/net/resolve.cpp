#include "net/resolve.hpp"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace canary::net {
namespace asio = boost::asio;

namespace {

// Shared by who waits and who looks up: the one who is left behind must not outlive it.
struct LookUp {
  std::mutex mutex;
  std::condition_variable_any answered;
  bool done = false;
  int failure = 0;
  Endpoints endpoints;
};

void look_up(const Url& url, LookUp& out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  const std::lock_guard lock(out.mutex);
  for (const addrinfo* entry = failure ? nullptr : found; entry; entry = entry->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    out.endpoints.push_back(endpoint);
  }
  if (!failure) ::freeaddrinfo(found);
  out.failure = failure;
  out.done = true;
  out.answered.notify_one();
}

}  // namespace

// getaddrinfo cannot be interrupted: its thread is left behind when it outlasts the deadline.
base::Result<Endpoints> resolve(const Url& url, base::Duration timeout, std::stop_token stop) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric) return Endpoints{{address, static_cast<std::uint16_t>(std::stoul(url.port))}};
  const auto shared = std::make_shared<LookUp>();
  try {
    std::thread([url, shared] { look_up(url, *shared); }).detach();
  } catch (const std::system_error& error) {
    return base::Error("cannot resolve " + url.host + ": no thread: " + error.code().message());
  }
  std::unique_lock lock(shared->mutex);
  const auto done = [&shared] { return shared->done; };
  if (!shared->answered.wait_for(lock, std::move(stop), timeout, done))
    return base::Error("cannot resolve " + url.host + ": no answer in time");
  if (shared->failure)
    return base::Error("cannot resolve " + url.host + ": " + ::gai_strerror(shared->failure));
  return std::move(shared->endpoints);
}

}  // namespace canary::net
