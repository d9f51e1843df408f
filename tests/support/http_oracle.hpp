// RFC 9112 in its plainest reading, written without a line of gateway/http: what makes a head
// ambiguous or invalid. Slow, and shares nothing with the gate that it judges.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace canary::http::oracle {

inline std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

inline std::string stripped(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

inline bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == text.npos;
}

inline bool is_token(std::string_view text) {
  return consists_of(text,
                     "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

inline std::string without_zeros(const std::string& digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

/// Digits alone, and a number that 63 bits hold.
inline bool is_length(std::string text) {
  if (!consists_of(text, "0123456789")) return false;
  text = without_zeros(text);
  return text.size() < 19 || (text.size() == 19 && text <= "9223372036854775807");
}

struct Head {
  std::string first;                                 // the request or status line
  std::vector<std::string> hosts, lengths, codings;  // the values, stripped
  std::string problem;                               // of the lines; empty: none

  explicit Head(std::string_view bytes) {
    if (bytes.size() < 4 || bytes.find("\r\n\r\n") != bytes.size() - 4) {
      problem = "it is not one head";
      return;
    }
    std::vector<std::string> lines;
    for (std::size_t at = 0; at + 2 < bytes.size();) {
      const auto end = bytes.find("\r\n", at);
      lines.emplace_back(bytes.substr(at, end - at));
      at = end + 2;
    }
    first = lines[0];
    lines.erase(lines.begin());
    for (const auto& line : lines) take(line);
    for (const char c : first)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') problem = "a control character";
  }

 private:
  void take(const std::string& line) {
    const auto colon = line.find(':');
    if (colon == line.npos) {
      problem = "a line without colon";
      return;
    }
    const auto name = line.substr(0, colon);
    const auto value = stripped(line.substr(colon + 1));
    if (!is_token(name)) problem = "a name that is no token";  // white space and folding, too
    for (const char c : line.substr(colon + 1))
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
        problem = "a control character";
    if (lower(name) == "host") hosts.push_back(value);
    if (lower(name) == "content-length") lengths.push_back(value);
    if (lower(name) == "transfer-encoding") codings.push_back(value);
  }
};

/// RFC 9112, 6.1 to 6.3, for both directions.
inline std::string framing_problem(const Head& head, bool http_1_0) {
  for (const auto& length : head.lengths)
    if (!is_length(length) || without_zeros(length) != without_zeros(head.lengths[0]))
      return "Content-Length";  // the same decimal value: RFC 9110, 8.6
  if (head.codings.empty()) return {};
  if (!head.lengths.empty()) return "Content-Length beside Transfer-Encoding";
  if (http_1_0) return "Transfer-Encoding in HTTP/1.0";
  return head.codings.size() == 1 && lower(head.codings[0]) == "chunked" ? "" : "Transfer-Encoding";
}

/// Why a request head must not be passed on; empty: it may.
inline std::string request_problem(std::string_view bytes) {
  const Head head(bytes);
  if (!head.problem.empty()) return head.problem;
  const auto space = head.first.find(' '), second = head.first.find(' ', space + 1);
  if (space == head.first.npos || second == head.first.npos) return "the request line's parts";
  const auto target = head.first.substr(space + 1, second - space - 1);
  const auto version = head.first.substr(second + 1);
  if (!is_token(head.first.substr(0, space))) return "the method";
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return "the version";
  if (target.empty()) return "no target";
  for (const char c : target)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '#')
      return "the target";
  const bool http_1_0 = version == "HTTP/1.0";
  if (head.hosts.size() > 1 || (head.hosts.empty() && !http_1_0)) return "not one Host";
  for (const auto& host : head.hosts)
    if (host.empty() || host.find_first_of(" \t,/@?#\\") != host.npos) return "the Host";
  return framing_problem(head, http_1_0);
}

/// The same of a response head.
inline std::string response_problem(std::string_view bytes) {
  const Head head(bytes);
  if (!head.problem.empty()) return head.problem;
  const auto& line = head.first;
  const bool http_1_0 = line.starts_with("HTTP/1.0 ");
  if (!http_1_0 && !line.starts_with("HTTP/1.1 ")) return "the version";
  if (line.size() < 13 || line[12] != ' ') return "the status line's parts";
  if (!consists_of(line.substr(9, 3), "0123456789") || line[9] < '1' || line[9] > '5')
    return "the status";
  return framing_problem(head, http_1_0);
}

}  // namespace canary::http::oracle
