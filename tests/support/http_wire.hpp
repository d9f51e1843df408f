// HTTP/1.1 messages read from a Wire, with a reader of the test's own: what the gateway sends is
// not judged by the gateway's parser.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "support/wire.hpp"

namespace canary::test {

struct Message {
  std::string head;    // with its empty line; empty: none came
  std::string body;    // without chunk framing
  bool whole = false;  // the body ended as its framing says

  std::string start_line() const { return head.substr(0, head.find("\r\n")); }
  int status() const { return head.size() > 12 ? std::atoi(head.c_str() + 9) : 0; }
  /// The value of the first field of that name; "(none)" when absent.
  std::string field(std::string_view name) const {
    for (std::size_t at = head.find("\r\n"); at + 4 < head.size();) {
      const std::size_t begin = at + 2, end = head.find("\r\n", begin);
      const std::string_view line = std::string_view(head).substr(begin, end - begin);
      const auto colon = line.find(':');
      if (base::iequals(line.substr(0, colon), name))
        return std::string(base::trim(line.substr(colon + 1)));
      at = end;
    }
    return "(none)";
  }
  std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (std::size_t at = head.find(text); at != std::string::npos; at = head.find(text, at + 1))
      ++n;
    return n;
  }
};

enum class Kind { request, response, response_to_head };

namespace detail {

inline std::string take(Wire& wire, std::size_t size) {
  std::string bytes = wire.received.substr(0, size);
  wire.received.erase(0, size);
  return bytes;
}

/// Takes chunks off the front. Reads by position: erasing each from a large buffer would take long.
inline bool read_chunks(Wire& wire, std::string& body) {
  std::size_t at = 0;
  for (bool whole = false;;) {
    const std::size_t line_end = wire.received.find("\r\n", at);
    if (whole || line_end == std::string::npos) {
      if (!whole && wire.receive()) continue;
      wire.received.erase(0, at);
      return whole;
    }
    const std::size_t size = std::strtoul(wire.received.c_str() + at, nullptr, 16);
    const std::size_t data = line_end + 2;
    const bool there = wire.receive_at_least(data + size + 2);
    body += wire.received.substr(data, size);
    at = std::min(data + size + 2, wire.received.size());
    whole = there && size == 0;
    if (there && wire.received.compare(data + size, 2, "\r\n") != 0) return false;
  }
}

}  // namespace detail

inline bool read_head(Wire& wire, Message& message) {
  std::size_t end = 0;
  while ((end = wire.received.find("\r\n\r\n")) == std::string::npos)
    if (!wire.receive()) return false;
  message.head = detail::take(wire, end + 4);
  return true;
}

inline void read_body(Wire& wire, Message& message, Kind kind) {
  const int status = kind == Kind::request ? 200 : message.status();
  if (kind == Kind::response_to_head || status < 200 || status == 204 || status == 304) {
    message.whole = true;
  } else if (base::iequals(message.field("Transfer-Encoding"), "chunked")) {
    message.whole = detail::read_chunks(wire, message.body);
  } else if (message.field("Content-Length") != "(none)") {
    const std::size_t size = std::strtoul(message.field("Content-Length").c_str(), nullptr, 10);
    message.whole = wire.receive_at_least(size);
    message.body = detail::take(wire, std::min(size, wire.received.size()));
  } else if (kind == Kind::request) {
    message.whole = true;
  } else {
    message.body = wire.receive_all();
    wire.received.clear();
    message.whole = !wire.was_reset && !wire.was_silent;
  }
}

inline Message read_message(Wire& wire, Kind kind = Kind::response) {
  Message message;
  if (read_head(wire, message)) read_body(wire, message, kind);
  return message;
}

inline std::string chunked(std::string_view body, std::size_t step) {
  std::string out;
  char size[32];
  for (std::size_t at = 0; at < body.size(); at += step) {
    const std::string_view part = body.substr(at, step);
    out.append(size,
               static_cast<std::size_t>(std::snprintf(size, sizeof size, "%zx", part.size())));
    ((out += "\r\n") += part) += "\r\n";
  }
  return out + "0\r\n\r\n";
}

inline std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: gw\r\n" + std::string(fields) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body,
                        std::string_view fields = {}) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: gw\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}
inline std::string ok(std::string_view body, std::string_view fields = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace canary::test
