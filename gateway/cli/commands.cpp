#include "cli/commands.hpp"

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/json_text.hpp"
#include "base/units.hpp"
#include "base/version.hpp"
#include "cli/render.hpp"
#include "cli/text.hpp"
#include "net/http_client.hpp"

namespace canary::cli {
namespace {

namespace json = boost::json;
constexpr base::Duration timeout =
    std::chrono::seconds(35);  // a little more than the gateway's own

std::string environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

std::string escape(std::string_view segment) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : segment) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

// A failure before or instead of an answer, in the shape of the gateway's own errors.
int fail(const Options& options, const Terminal& terminal, ExitStatus status, std::string_view code,
         const std::string& message) {
  if (options.json)
    terminal.out << "{\"error\":{\"code\":" << base::json_string(code)
                 << ",\"message\":" << base::json_string(message) << "}}\n";
  else
    terminal.err << paint(terminal.colour, Colour::red, "canary-gateway: " + message) << "\n";
  return status;
}

struct Question {
  std::string method = "GET";
  std::string target;
  std::string body;
};

base::Result<net::ClientRequest> prepare(const Options& options, const Question& question) {
  net::ClientRequest request;
  request.method = question.method;
  request.url = options.admin;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += question.target;
  request.body = question.body;
  request.headers = {{"Accept", "application/json"}};
  if (question.method != "GET") request.headers.emplace_back("Content-Type", "application/json");
  if (options.token_file.empty()) return request;
  std::ifstream file(options.token_file);
  std::string token;
  if (!(file >> token))
    return base::Error("--token-file " + options.token_file.string() +
                       ": cannot be read, or empty");
  request.headers.emplace_back("Authorization", "Bearer " + token);
  return request;
}

// Asks, and prints the answer: as it is with --json, else through `render`.
template <class Render>
int ask(const Options& options, const Terminal& terminal, const Question& question,
        Render&& render) {
  const auto request = prepare(options, question);
  if (!request) return fail(options, terminal, exit_usage, "usage", request.error().message());
  const auto answer = net::http_exchange(*request, timeout);
  if (!answer)
    return fail(options, terminal, exit_unreachable, "unreachable",
                "cannot reach the gateway at " + options.admin + ": " + answer.error().message());
  json::error_code code;
  const json::value document = json::parse(answer->body, code);
  if (code || !document.is_object())
    return fail(options, terminal, exit_unreachable, "no_gateway",
                "what answers at " + options.admin + " is no canary-gateway (status " +
                    std::to_string(answer->status) + ")");
  if (options.json) {
    terminal.out << answer->body << (answer->body.ends_with('\n') ? "" : "\n");
    return answer->status == 200 ? exit_ok : exit_refused;
  }
  if (answer->status != 200) {
    const std::string why = text(at(document, "error", "message"));
    return fail(options, terminal, exit_refused, "refused",
                "refused (" + std::to_string(answer->status) + "): " + why);
  }
  terminal.out << render(document);
  return exit_ok;
}

Style style_of(const Terminal& terminal) { return {terminal.colour, terminal.now}; }

std::string actor_fields(const std::string& by, const std::string& reason) {
  std::string out = "\"by\":" + base::json_string(by);
  if (!reason.empty()) out += ",\"reason\":" + base::json_string(reason);
  return out;
}

int run_rollout(const RolloutOptions& options, const Terminal& terminal, const char* command,
                const char* done) {
  if (options.reason.empty())
    return fail(options, terminal, exit_usage, "usage",
                std::string(command) + " needs --reason: it is what the next person will read");
  if (options.by.empty()) return fail(options, terminal, exit_usage, "usage", "--by is empty");
  const Question question{"POST", "/internal/rollouts/" + escape(options.model) + "/" + command,
                          "{" + actor_fields(options.by, options.reason) +
                              (options.gradual ? ",\"mode\":\"gradual\"}" : "}")};
  return ask(options, terminal, question,
             [&](const json::value& answer) { return render_command(done, answer); });
}

}  // namespace

std::string default_admin_url() {
  return environment("CANARY_GATEWAY_ADMIN", "http://127.0.0.1:9901");
}

std::string default_by() { return environment("USER", "unknown"); }

Terminal process_terminal(base::WallTime now) {
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR", "").empty();
  return {std::cout, std::cerr, colour, now};
}

int run_status(const Options& options, const Terminal& terminal) {
  return ask(options, terminal, {"GET", "/internal/status", ""},
             [&](const json::value& status) { return render_status(status, style_of(terminal)); });
}

int run_set(const SetOptions& options, const Terminal& terminal) {
  const auto percent = base::parse_percent(options.percent);
  if (!percent) return fail(options, terminal, exit_usage, "usage", percent.error().message());
  const auto points = base::to_basis_points(*percent);
  if (!points)
    return fail(options, terminal, exit_usage, "usage", "PERCENT: " + points.error().message());
  const Question question{"PUT", "/internal/flags/" + escape(options.version),
                          "{\"rollout_percentage\":" + base::format_percent(*points) + "," +
                              actor_fields(options.by, options.reason) + "}"};
  return ask(options, terminal, question,
             [&](const json::value& flag) { return render_flag(options.version, flag); });
}

int run_resume(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "resume", "resumed");
}

int run_rollback(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "rollback",
                     options.gradual ? "goes down the ladder" : "rolled back");
}

int run_promote(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "promote", "promoted");
}

int run_pause(const RolloutOptions& options, const Terminal& terminal) {
  return run_rollout(options, terminal, "pause", "paused");
}

int run_report(const ReportOptions& options, const Terminal& terminal) {
  return ask(options, terminal, {"GET", "/internal/report/" + escape(options.model), ""},
             [](const json::value& report) { return text(at(report, "markdown")); });
}

int run_history(const HistoryOptions& options, const Terminal& terminal) {
  std::string target = "/internal/history?limit=" + std::to_string(options.limit);
  if (!options.model.empty()) target += "&model=" + escape(options.model);
  return ask(options, terminal, {"GET", target, ""}, [&](const json::value& history) {
    return render_history(history, style_of(terminal));
  });
}

int run_version(bool json_wanted, const Terminal& terminal) {
  if (json_wanted)
    terminal.out << "{\"version\":" << base::json_string(base::version())
                 << ",\"commit\":" << base::json_string(base::commit()) << "}\n";
  else
    terminal.out << "canary-gateway " << base::version() << " (" << base::commit() << ")\n";
  return exit_ok;
}

}  // namespace canary::cli
