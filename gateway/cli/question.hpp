// One question to a running gateway and what it answered, for the commands. Blocks.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "cli/text.hpp"

namespace canary::cli {

/// A path's segment, percent-encoded.
std::string escape(std::string_view segment);

/// A failure before or instead of an answer, in the shape of the gateway's own errors. Returns
/// `status`.
int fail(const Options& options, const Terminal& terminal, ExitStatus status, std::string_view code,
         const std::string& message);

inline const std::vector<std::string_view> status_keys{"config", "models", "gateway"};

struct Question {
  std::string method = "GET";
  std::string target;
  std::vector<std::string_view> keys;  // what a gateway's answer to it has, of its own
  std::string body{};
  std::string key{};  // Idempotency-Key: with one it is asked again when the connection breaks
};

struct Answer {
  int status = 0;
  std::string body;
  boost::json::value document;  // an object
};

/// What answers has the shape of a gateway's answer: with 200 every key of `keys`, else an error's
/// code and message. Nothing: why was told, and `exit_status` says it, too.
std::optional<Answer> ask(const Options& options, const Terminal& terminal,
                          const Question& question, int& exit_status);

/// Tells a refusal. With --json the answer as it is, whatever it is. Nothing: it is there to be
/// rendered.
std::optional<int> told(const Options& options, const Terminal& terminal, const Answer& answer);

/// Asks, and prints the answer: as it is with --json, else through `render`.
template <class Render>
int show(const Options& options, const Terminal& terminal, const Question& question,
         Render&& render) {
  int exit_status = exit_ok;
  const auto answer = ask(options, terminal, question, exit_status);
  if (!answer) return exit_status;
  if (const auto done = told(options, terminal, *answer)) return *done;
  terminal.out << render(answer->document);
  return exit_ok;
}

}  // namespace canary::cli
