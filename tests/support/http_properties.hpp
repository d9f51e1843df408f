// What must hold for any bytes at all. Unit tests try it on seeded random messages, tests/fuzz on
// whatever the fuzzer finds. Each function returns what is violated, or nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "http/body.hpp"
#include "http/build_head.hpp"
#include "http/upgrade.hpp"
#include "support/beast_head.hpp"
#include "support/built.hpp"
#include "support/http_oracle.hpp"

namespace canary::http {

/// Reads a head as a naive peer would: lines at CRLF, names up to the colon.
struct NaiveHead {
  int hosts = 0, lengths = 0, codings = 0, upgrades = 0, hop_by_hop = 0, malformed = 0;

  explicit NaiveHead(std::string_view head) {
    if (!head.ends_with("\r\n\r\n")) ++malformed;
    for (std::size_t at = 0; at < head.size(); ++at) {
      const auto c = static_cast<unsigned char>(head[at]);
      const bool crlf = (c == '\r' && at + 1 < head.size() && head[at + 1] == '\n') ||
                        (c == '\n' && at > 0 && head[at - 1] == '\r');
      if ((c < 0x20 && c != '\t' && !crlf) || c == 0x7f) ++malformed;
    }
    for (auto at = head.find("\r\n"); at + 2 < head.size();) {
      const auto end = head.find("\r\n", at += 2);
      if (end == at) {
        if (end + 2 != head.size()) ++malformed;
        return;
      }
      take(head.substr(at, end - at));
      at = end;
    }
  }

 private:
  void take(std::string_view line) {
    const auto name = line.substr(0, line.find(':'));
    if (name.size() == line.size() || name.empty() || name.find_first_of(" \t") != name.npos)
      ++malformed;
    hosts += base::iequals(name, "host");
    lengths += base::iequals(name, "content-length");
    codings += base::iequals(name, "transfer-encoding");
    upgrades += base::iequals(name, "upgrade");
    for (const std::string_view hop : {"keep-alive", "proxy-connection", "te", "trailer",
                                       "proxy-authorization", "http2-settings"})
      hop_by_hop += base::iequals(name, hop);
  }
};

inline std::string request_violation(std::string_view bytes, bool trusted) {
  const HeadLimits limits;
  bytes.remove_prefix(leading_empty_lines(bytes));
  std::size_t scanned = 0;
  const auto size = find_head_end(bytes, scanned);
  if (size != bytes.find("\r\n\r\n") + 4) {
    if (size != 0 || bytes.find("\r\n\r\n") != bytes.npos) return "the head's end is elsewhere";
  }
  static ParsedRequestHead head, again;
  if (size == 0) {
    if (!head.parse(bytes, limits)) return "half a head is accepted";
    return {};
  }
  bytes = bytes.substr(0, size);
  if (head.parse(bytes, limits)) return {};
  if (const auto problem = oracle::request_problem(bytes); !problem.empty())
    return "it is accepted in spite of " + problem;
  const BeastHead<true> witness(bytes);
  if (!beast_reads_the_same_fields(witness, head) || witness.method != head.method ||
      witness.target != head.target)
    return "Beast reads something else";
  for (auto cut = bytes.size() - 1; cut > 0 && bytes.size() < 300; --cut)
    if (refuse_incomplete(bytes.substr(0, cut), limits)) return "its first part is refused";
  const auto out = test::built(build_request_head, head,
                               {.host = "up:1",
                                .client_address = "10.0.0.9",
                                .request_id = "id",
                                .trust_forwarded = trusted});
  const NaiveHead naive(out);
  if (naive.malformed != 0) return "the built head is malformed: " + out;
  if (naive.hosts != 1) return "the built head has not one Host: " + out;
  if (naive.hop_by_hop != 0) return "a hop-by-hop field is forwarded: " + out;
  if (naive.lengths != (head.framing == Framing::length)) return "Content-Length: " + out;
  if (naive.codings != (head.framing == Framing::chunked)) return "Transfer-Encoding: " + out;
  if (naive.upgrades != !head.upgrade.empty()) return "Upgrade: " + out;
  if (const auto refusal = again.parse(out, {.bytes = 1 << 20, .fields = max_fields}))
    return "the built head is refused, " + std::string(refusal.message) + ": " + out;
  const auto offered = test::built(append_protocols, head.upgrade);
  const bool same = again.upgrade == offered && again.method == head.method &&
                    again.path == head.path && again.query == head.query &&
                    again.framing == head.framing && again.content_length == head.content_length &&
                    again.authority == "up:1" && again.keep_alive && !again.http_1_0 &&
                    again.find("X-Request-Id") == "id";
  return same ? "" : "the built head says something else: " + out;
}

inline std::string response_violation(std::string_view bytes, bool to_head, bool to_http_1_0) {
  static ResponseHead head, again;
  if (head.parse(bytes, to_head, {})) return {};
  if (const auto problem = oracle::response_problem(bytes); !problem.empty())
    return "it is accepted in spite of " + problem;
  if (head.status < 100 || head.status > 599) return "the status";
  const BeastHead<false> witness(bytes);
  if (!beast_reads_the_same_fields(witness, head) || witness.status != head.status ||
      (!head.reason.empty() && witness.reason != head.reason))
    return "Beast reads something else";
  const auto out = test::built(
      build_response_head, head,
      {.request_id = "id", .model_version = "v", .to_http_1_0 = to_http_1_0, .chunked = true});
  const NaiveHead naive(out);
  if (naive.malformed != 0) return "the built head is malformed: " + out;
  if (naive.hop_by_hop + naive.upgrades != 0) return "a hop-by-hop field is forwarded: " + out;
  if (naive.lengths + naive.codings > 1) return "there is framing twice: " + out;
  if (to_http_1_0 && naive.codings != 0) return "chunked to HTTP/1.0: " + out;
  if (const auto refusal = again.parse(out, to_head, {.bytes = 1 << 20, .fields = max_fields}))
    return "the built head is refused, " + std::string(refusal.message) + ": " + out;
  auto framing = head.framing;
  if (framing == Framing::until_close || framing == Framing::chunked)
    framing = to_http_1_0 ? Framing::until_close : Framing::chunked;
  const bool same = again.status == head.status && again.reason == head.reason &&
                    again.framing == framing && again.content_length == head.content_length &&
                    again.retry_after == head.retry_after && again.find("X-Model-Version") == "v";
  return same ? "" : "the built head says something else: " + out;
}

struct DecodedBody {
  std::string data;
  std::size_t consumed = 0;
  bool done = false, failed = false;
  friend bool operator==(const DecodedBody&, const DecodedBody&) = default;
  friend std::ostream& operator<<(std::ostream& out, const DecodedBody& body) {
    return out << '"' << body.data << "\" consumed " << body.consumed << (body.done ? " done" : "")
               << (body.failed ? " failed" : "");
  }
};

/// Feeds `wire` in pieces whose sizes next_size(left) gives.
template <class F>
DecodedBody decode_chunked(std::string_view wire, F&& next_size) {
  BodyReader reader(Framing::chunked, 0);
  DecodedBody body;
  while (body.consumed < wire.size() && !reader.done() && !body.failed) {
    const auto left = wire.size() - body.consumed;
    std::string piece(
        wire.substr(body.consumed, std::clamp<std::size_t>(next_size(left), 1, left)));
    const auto step = reader.feed(piece.data(), piece.size());
    body.data.append(piece, 0, step.data);
    body.consumed += step.consumed;
    body.failed = step.failed;
    if (step.consumed == 0 && !step.failed) break;
  }
  body.done = reader.done();
  return body;
}

inline std::string chunked_violation(std::string_view wire, std::uint32_t seed) {
  const auto whole = decode_chunked(wire, [](std::size_t left) { return left; });
  const auto bytewise = decode_chunked(wire, [](std::size_t) { return 1; });
  const auto cut = decode_chunked(wire, [&](std::size_t left) {
    seed = seed * 1664525 + 1013904223;
    return 1 + (seed >> 16) % left;
  });
  if (whole != bytewise || whole != cut) return "how the bytes were cut matters";
  if (whole.done && whole.failed) return "it is done and failed";
  if (!whole.done && !whole.failed && whole.consumed != wire.size()) return "it stopped early";
  if (whole.consumed > wire.size() || whole.data.size() > whole.consumed) return "its sizes";
  // Nothing that was consumed may be left over or be missing when it is all there is.
  if (whole.done && decode_chunked(wire.substr(0, whole.consumed),
                                   [](std::size_t left) { return left; }) != whole)
    return "what follows the body matters";
  return {};
}

/// Reads one connection's requests as the gateway does, in pieces whose sizes next_size(left)
/// gives: what would be forwarded, and whether the connection ended in a refusal.
template <class F>
std::string read_requests(std::string_view stream, F&& next_size) {
  std::string log, buffer;
  ParsedRequestHead head;
  BodyReader body;
  std::size_t scanned = 0;
  bool in_body = false;
  while (!stream.empty()) {
    const auto size = std::clamp<std::size_t>(next_size(stream.size()), 1, stream.size());
    buffer += stream.substr(0, size);
    stream.remove_prefix(size);
    while (!buffer.empty()) {
      if (in_body) {
        const auto step = body.feed(buffer.data(), buffer.size());
        log.append(buffer, 0, step.data);
        buffer.erase(0, step.consumed);
        if (step.failed) return log + "|broken";
        if (body.done()) log += '|';
        in_body = !body.done();
        continue;
      }
      if (const auto empty = leading_empty_lines(buffer); empty > 0) {
        buffer.erase(0, empty);
        scanned = 0;
      }
      const auto head_size = find_head_end(buffer, scanned);
      if (head_size == 0 && refuse_incomplete(buffer, {})) return log + "|refused";
      if (head_size == 0) break;
      if (head.parse(std::string_view(buffer).substr(0, head_size), {})) return log + "|refused";
      ((log += head.method) += ' ') += head.target;
      log += '|';
      body = BodyReader(head.framing, head.content_length);
      in_body = !body.done();
      buffer.erase(0, head_size);
      scanned = 0;
    }
  }
  return log;
}

/// A refusal may come early, when the bytes that have come can be no request: what was read before
/// it is the same all the same.
inline std::string stream_violation(std::string_view stream, std::uint32_t seed) {
  const auto whole = read_requests(stream, [](std::size_t left) { return left; });
  const auto bytewise = read_requests(stream, [](std::size_t) { return 1; });
  const auto cut = read_requests(stream, [&](std::size_t left) {
    seed = seed * 1664525 + 1013904223;
    return 1 + (seed >> 16) % left;
  });
  if (whole == bytewise && whole == cut) return {};
  return "how the bytes were cut matters:\n" + whole + "\n" + bytewise + "\n" + cut;
}

}  // namespace canary::http
