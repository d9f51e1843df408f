#include "scenario/traffic/peers.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace canary::scenario {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A socket bound to a port of the kernel's choice.
int bound_socket(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port");
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

Wire::~Wire() {
  if (fd_ >= 0) ::close(fd_);
}

int Wire::connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the gateway does not accept");
  const timeval limit{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

bool Wire::send(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

bool Wire::more() {
  char bytes[4096];
  const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
  if (n > 0) in_.append(bytes, static_cast<std::size_t>(n));
  return n > 0;
}

std::string Wire::head() {
  auto end = in_.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!more()) return {};
    end = in_.find("\r\n\r\n");
  }
  std::string head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  return head;
}

bool Wire::body(std::size_t size) {
  while (in_.size() < size)
    if (!more()) return false;
  in_.erase(0, size);
  return true;
}

void Wire::wait_for_end() {
  while (more()) in_.clear();
}

void Wire::reset_at_close() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Wire::shut() { ::shutdown(fd_, SHUT_RDWR); }

std::string field(const std::string& head, const std::string& name) {
  const std::string start = "\r\n" + name + ": ";
  const auto at = head.find(start);
  if (at == std::string::npos) return {};
  const auto value = at + start.size();
  return head.substr(value, head.find("\r\n", value) - value);
}

Server::Server(bool canary, const Moment& moment, Hanging& hanging)
    : canary_(canary), moment_(moment), hanging_(hanging) {
  listener_ = bound_socket(port_);
  ::listen(listener_, 512);
  acceptor_ = std::thread([this] { accept(); });
}

Server::~Server() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (Wire& wire : wires_) wire.shut();
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void Server::accept() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    Wire& wire = wires_.emplace_back(fd);
    if (ending_) return;
    threads_.emplace_back([this, &wire] {
      serve(wire);
      wire.shut();
    });
  }
}

void Server::serve(Wire& wire) {
  for (;;) {
    const std::string head = wire.head();
    if (head.empty()) return;
    ++seen_;
    const auto stamp = std::stoull(field(head, "X-Moment"));
    if (canary_ && at_zero(stamp) && moment_ == stamp) ++trespasses_;
    const std::string behave = field(head, "X-Behave");
    if (behave == "hang") {
      ++hanging_[std::stoul(field(head, "X-Client"))];
      return wire.wait_for_end();
    }
    const std::string length = field(head, "Content-Length");
    if (!length.empty() && !wire.body(std::stoul(length))) return;
    if (behave == "vanish") return;
    if (!wire.send("HTTP/1.1 " + behave + " Said\r\nContent-Length: 5\r\n\r\nhello")) return;
  }
}

DeadEnds::DeadEnds() {
  bound_ = bound_socket(refusing_);
  full_ = bound_socket(silent_);
  ::listen(full_, 0);
  // Two fill the queue of a listener that accepts nobody: further SYNs are dropped.
  for (int i = 0; i < 2; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const sockaddr_in address = loopback(silent_);
    [[maybe_unused]] const int pending =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    fillers_.emplace_back(fd);
  }
}

DeadEnds::~DeadEnds() {
  ::close(bound_);
  ::close(full_);
}

void Client::run(const std::atomic<bool>& stop) {
  while (!stop) {
    Wire wire(Wire::connect(gateway_));
    bool usable = true;
    for (auto requests = random_.below(12); usable && !stop && requests > 0; --requests)
      request(wire, usable);
    if (usable && !stop && random_.below(3) == 0) abort(wire);
  }
}

void Client::request(Wire& wire, bool& usable) {
  constexpr const char* behaviours[] = {"200", "200", "200", "200", "200", "404", "500", "vanish"};
  const std::string behave = behaviours[random_.below(std::size(behaviours))];
  if (behave == "vanish") ++counts_.vanished;
  const std::string common =
      " /m/predict HTTP/1.1\r\nHost: gateway\r\nX-Moment: " + std::to_string(moment_.load()) +
      "\r\nX-Behave: " + behave + "\r\n";
  const bool with_body = random_.below(2) == 0;
  const std::size_t size = random_.below(9) == 0 ? 100000 : random_.below(300);
  if (with_body)
    usable = wire.send("POST" + common + "Content-Length: " + std::to_string(size) + "\r\n\r\n" +
                       std::string(size, 'b'));
  else
    usable = wire.send("GET" + common + "\r\n");
  ++counts_.sent;
  const std::string head = usable ? wire.head() : std::string();
  const std::string length = field(head, "Content-Length");
  if (head.empty() || length.empty() || !wire.body(std::stoul(length))) {
    ++counts_.broken;
    usable = false;
    return;
  }
  const std::string version = field(head, "X-Model-Version");
  ++counts_.by_version[version];
  if (head.starts_with("HTTP/1.1 200")) ++counts_.fine[version];
  if (field(head, "Connection") == "close") usable = false;
  ++progress_;
}

/// Goes away when the request has reached a server that will never answer.
void Client::abort(Wire& wire) {
  const char* wish = aborts_stable_only_ || random_.below(2) == 0 ? "never" : "always";
  const bool unfinished = random_.below(2) == 0;
  std::string request =
      std::string(unfinished ? "POST" : "GET") +
      " /m/predict HTTP/1.1\r\nHost: gateway\r\nX-Behave: hang\r\nX-Canary: " + wish +
      "\r\nX-Client: " + std::to_string(index_) +
      "\r\nX-Moment: " + std::to_string(moment_.load()) + "\r\n";
  request += unfinished ? "Content-Length: 1000\r\n\r\nsome of it" : "\r\n";
  ++counts_.sent;
  if (!wire.send(request)) {
    ++counts_.broken;
    return;
  }
  ++counts_.aborted;
  ++hung_;
  while (hanging_[index_] < hung_) std::this_thread::yield();
  if (random_.below(2) == 0) wire.reset_at_close();
  ++progress_;
}

}  // namespace canary::scenario
