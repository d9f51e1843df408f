// The load generator of the comparison. It shares no code with the gateway.
//
//   loadtest_client PORT [--connections N] [--seconds S] [--body BYTES] [--close] [--rate R]
//   loadtest_client PORT --idle N
//
// Closed loop: each connection sends its next request when the answer to the last one is whole.
// --close: one request per connection. --rate: open loop, R requests per second in all, each due at
// its own time; latency runs from that time, whether a connection was free then or not, so that a
// proxy that stalls is charged for every request that should have been sent meanwhile.
// --idle: N connections that have had one answer each are held until standard input ends.
// Prints one JSON object: requests, errors, seconds, and with --rate latencies in microseconds.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  int connections = 64, idle = 0;
  double seconds = 4, rate = 0;
  std::size_t body = 0;
  bool close = false;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "loadtest_client: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// One connection and the answer that it waits for.
struct Connection {
  int fd = -1;
  bool busy = false;
  std::string head;  // of the answer, until it is whole
  std::size_t body_left = 0;
  bool in_body = false;
  Clock::time_point due;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    request_ = options.body > 0 ? "POST" : "GET";
    request_ += " / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                "\r\nX-User-Id: user-17\r\nAccept: */*\r\nUser-Agent: loadtest\r\n";
    if (options.close) request_ += "Connection: close\r\n";
    if (options.body > 0) request_ += "Content-Length: " + std::to_string(options.body) + "\r\n";
    request_ += "\r\n" + std::string(options.body, 'x');
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    const int count = options.idle > 0 ? options.idle : options.connections;
    for (int i = 0; i < count; ++i) connections_.push_back(std::make_unique<Connection>());
  }

  void hold_idle() {
    for (auto& connection : connections_) {
      open(*connection);
      begin(*connection, Clock::now());
      while (connection->busy) turn(1000);
    }
    std::printf("ready\n");
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
  }

  void run() {
    for (auto& connection : connections_) open(*connection);
    if (options_.rate > 0) start_timer();
    start_ = Clock::now();
    const auto end = start_ + std::chrono::duration<double>(options_.seconds);
    if (options_.rate == 0)
      for (auto& connection : connections_) begin(*connection, start_);
    else
      for (auto& connection : connections_) free_.push_back(connection.get());
    while (Clock::now() < end) turn(100);
    seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
    print();
  }

 private:
  void open(Connection& connection) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options_.close) {  // one source address has too few ports for a new connection per request
      ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      sockaddr_in from{};
      from.sin_family = AF_INET;
      from.sin_addr.s_addr = htonl(0x7f000002 + source_++ % 8);
      if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) fail("bind");
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(options_.port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fail("connect");
    epoll_event event{EPOLLIN | EPOLLRDHUP, {.ptr = &connection}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    connection = Connection{};
    connection.fd = fd;
  }

  void begin(Connection& connection, Clock::time_point due) {
    connection.busy = true;
    connection.due = due;
    connection.head.clear();
    connection.in_body = false;
    for (std::size_t sent = 0; sent < request_.size();) {
      const auto n =
          ::send(connection.fd, request_.data() + sent, request_.size() - sent, MSG_NOSIGNAL);
      if (n < 0) return broken(connection);
      sent += static_cast<std::size_t>(n);
    }
  }

  void turn(int timeout_ms) {
    epoll_event events[512];
    const int count = ::epoll_wait(epoll_, events, 512, timeout_ms);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr)
        send_due();
      else
        receive(*static_cast<Connection*>(events[i].data.ptr));
    }
  }

  void receive(Connection& connection) {
    static char bytes[256 << 10];
    const auto n = ::recv(connection.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return broken(connection);
    std::string_view text(bytes, static_cast<std::size_t>(n));
    if (!connection.in_body) {
      connection.head += text;
      const auto end = connection.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      std::size_t at = connection.head.find("ontent-Length:");
      if (at == std::string::npos) at = connection.head.find("ontent-length:");
      if (at == std::string::npos || connection.head.compare(9, 3, "200") != 0) {
        ++errors_;
        return broken(connection);
      }
      const auto length = std::strtoul(connection.head.c_str() + at + 14, nullptr, 10);
      connection.in_body = true;
      connection.body_left = length - std::min(length, connection.head.size() - end - 4);
    } else {
      connection.body_left -= std::min(connection.body_left, text.size());
    }
    if (connection.body_left == 0) done(connection);
  }

  void done(Connection& connection) {
    connection.busy = false;
    ++requests_;
    const auto now = Clock::now();
    if (options_.rate > 0) latencies_.push_back(micros(now - connection.due));
    if (options_.idle > 0) return;
    if (options_.close) {
      ::close(connection.fd);
      open(connection);
    }
    if (options_.rate == 0) return begin(connection, now);
    if (waiting_.empty()) return free_.push_back(&connection);
    const auto due = waiting_.front();
    waiting_.pop_front();
    begin(connection, due);
  }

  void broken(Connection& connection) {
    ++errors_;
    if (errors_ > 1000) fail("too many errors");
    ::close(connection.fd);
    open(connection);
    if (options_.rate == 0) return begin(connection, Clock::now());
    free_.push_back(&connection);
  }

  void start_timer() {
    timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const auto ns = static_cast<long>(1e9 / options_.rate);
    const itimerspec every{{ns / 1000000000, ns % 1000000000}, {0, 1}};
    ::timerfd_settime(timer_, 0, &every, nullptr);
    epoll_event event{EPOLLIN, {.ptr = nullptr}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
  }

  // Every request whose time has come, however late the timer was.
  void send_due() {
    std::uint64_t expirations = 0;
    if (::read(timer_, &expirations, sizeof expirations) < 0) return;
    const auto step = std::chrono::duration<double>(1 / options_.rate);
    for (const auto now = Clock::now();; ++next_) {
      const auto due =
          start_ + std::chrono::duration_cast<Clock::duration>(step * static_cast<double>(next_));
      if (due > now) return;
      if (free_.empty()) {
        waiting_.push_back(due);
        continue;
      }
      Connection& connection = *free_.back();
      free_.pop_back();
      begin(connection, due);
    }
  }

  static double micros(Clock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
  }

  double quantile(double q) const {
    if (latencies_.empty()) return 0;
    return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))];
  }

  void print() {
    std::printf("{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.6f", requests_, errors_, seconds_);
    if (options_.rate > 0) {
      // What never got an answer has waited until now at least.
      const auto now = Clock::now();
      for (const auto due : waiting_) latencies_.push_back(micros(now - due));
      for (const auto& connection : connections_)
        if (connection->busy) latencies_.push_back(micros(now - connection->due));
      std::sort(latencies_.begin(), latencies_.end());
      std::printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f",
                  quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999));
    }
    std::printf("}\n");
  }

  Options options_;
  std::string request_;
  int epoll_ = -1, timer_ = -1;
  std::uint32_t source_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;
  std::deque<Clock::time_point> waiting_;  // due, with no connection free
  std::uint64_t next_ = 0;
  Clock::time_point start_;
  double seconds_ = 0;
  std::size_t requests_ = 0, errors_ = 0;
  std::vector<double> latencies_;
};

Options parse(int argc, char** argv) {
  Options options;
  if (argc < 2) std::exit(2);
  options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--close") {
      options.close = true;
      continue;
    }
    if (i + 1 == argc) std::exit(2);
    const double value = std::atof(argv[++i]);
    if (name == "--connections") options.connections = static_cast<int>(value);
    if (name == "--seconds") options.seconds = value;
    if (name == "--body") options.body = static_cast<std::size_t>(value);
    if (name == "--rate") options.rate = value;
    if (name == "--idle") options.idle = static_cast<int>(value);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  Load load(options);
  options.idle > 0 ? load.hold_idle() : load.run();
}
