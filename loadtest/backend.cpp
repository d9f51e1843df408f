// The upstream of the comparison: answers every request with the same bytes and does nothing else.
//   backend PORT RESPONSE_BYTES
// One thread, edge-triggered. It finds the end of a request by its empty line and Content-Length;
// good enough for the load generator, which is the only client it has.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "reactor/reactor.hpp"
#include "reactor/tcp.hpp"

namespace {

using namespace canary::reactor;

std::string response;

class Connection final : public SocketOwner {
 public:
  Connection(Reactor& reactor, int fd) : reactor_(reactor) {
    socket_.owner = this;
    reactor_.add(socket_, fd);
  }
  void serve() { on_ready(socket_); }

 private:
  void on_ready(Socket&) override {
    char bytes[64 << 10];
    for (;;) {
      const Io io = socket_.receive(bytes);
      if (io.status == IoStatus::again) break;
      if (io.status != IoStatus::ok) return end();
      in_.append(bytes, io.bytes);
      while (const std::size_t size = request_size()) {
        in_.erase(0, size);
        out_ += response;
      }
    }
    while (sent_ < out_.size()) {
      const Io io = socket_.send(std::span<const char>(out_).subspan(sent_));
      if (io.status == IoStatus::again) return;
      if (io.status != IoStatus::ok) return end();
      sent_ += io.bytes;
    }
    out_.clear();
    sent_ = 0;
  }

  // The size of the whole request at the front, or 0.
  std::size_t request_size() const {
    const auto head = in_.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    std::size_t body = 0;
    for (const char* name : {"Content-Length:", "content-length:"}) {
      const auto at = in_.find(name);
      if (at < head) body = std::strtoul(in_.c_str() + at + std::strlen(name), nullptr, 10);
    }
    return in_.size() >= head + 4 + body ? head + 4 + body : 0;
  }

  void end() {
    reactor_.close(socket_);
    reactor_.retire(std::unique_ptr<Connection>(this));
  }

  Reactor& reactor_;
  Socket socket_;
  std::string in_, out_;
  std::size_t sent_ = 0;
};

class Acceptor final : public SocketOwner {
 public:
  Acceptor(Reactor& reactor, int fd) : reactor_(reactor) {
    socket_.owner = this;
    reactor_.add(socket_, fd);
    on_ready(socket_);
  }

 private:
  void on_ready(Socket&) override {
    sockaddr_storage peer{};
    for (int fd; (fd = accept_tcp(socket_.fd(), peer)) >= 0;)
      (new Connection(reactor_, fd))->serve();  // frees itself when the peer is gone
  }

  Reactor& reactor_;
  Socket socket_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::size_t size = std::strtoul(argv[2], nullptr, 10);
  response = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
             std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const auto listener = listen_tcp(numeric_address("127.0.0.1", port), true);
  if (!listener) return 1;
  Reactor reactor;
  Acceptor acceptor(reactor, *listener);
  reactor.run();
}
