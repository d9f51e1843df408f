#include "net/resolve.hpp"

#include <netdb.h>

#include <cstring>
#include <future>
#include <thread>

namespace canary::net {
namespace asio = boost::asio;

namespace {

base::Result<Endpoints> look_up(const Url& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found))
    return base::Error("cannot resolve " + url.host + ": " + ::gai_strerror(failed));
  Endpoints endpoints;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return endpoints;
}

}  // namespace

// getaddrinfo cannot be interrupted: its thread is left behind when it outlasts the deadline.
base::Result<Endpoints> resolve(const Url& url, base::Duration timeout) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric) return Endpoints{{address, static_cast<std::uint16_t>(std::stoul(url.port))}};
  std::packaged_task<base::Result<Endpoints>()> task([url] { return look_up(url); });
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  if (answer.wait_for(timeout) != std::future_status::ready)
    return base::Error("cannot resolve " + url.host + ": no answer in time");
  return answer.get();
}

}  // namespace canary::net
