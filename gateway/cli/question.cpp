#include "cli/question.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/json_text.hpp"
#include "base/printable.hpp"
#include "base/token_file.hpp"
#include "base/url_text.hpp"
#include "net/http_client.hpp"
#include "net/url.hpp"

namespace canary::cli {
namespace {

namespace json = boost::json;
constexpr base::Duration timeout =
    std::chrono::seconds(35);  // a little more than the gateway's own

base::Result<net::ClientRequest> prepare(const Options& options, const Question& question) {
  net::ClientRequest request;
  request.method = question.method;
  request.url = options.admin;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += question.target;
  request.body = question.body;
  request.headers = {{"Accept", "application/json"}};
  if (question.method != "GET") request.headers.emplace_back("Content-Type", "application/json");
  if (!question.key.empty()) request.headers.emplace_back("Idempotency-Key", question.key);
  if (options.token_file.empty()) return request;
  const auto token = base::load_token(options.token_file);
  if (!token) return base::Error("--token-file: " + token.error().message());
  request.headers.emplace_back("Authorization", "Bearer " + *token);
  return request;
}

/// The same question again is the same command, so a broken connection is no reason to give up; and
/// while the first one is under way, its answer is worth a while.
base::Result<net::ClientResponse> exchange(const net::ClientRequest& request, bool again) {
  auto answer = net::http_exchange(request, timeout);
  if (!answer && again) answer = net::http_exchange(request, timeout);
  if (!again) return answer;
  for (int left = 30; left > 0 && answer && answer->status == 409; --left) {
    if (answer->body.find("\"in_progress\"") == std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::seconds(1));  // as its Retry-After says
    answer = net::http_exchange(request, timeout);
  }
  return answer;
}

/// Where the listener's address came from.
std::string source_of_admin(const Options& options) {
  const char* variable = std::getenv(admin_variable);
  const bool from_variable = variable && *variable && options.admin == variable;
  return from_variable ? std::string("$") + admin_variable : "--admin";
}

/// Anything may answer with JSON at a mistyped address; nothing is done there.
bool is_a_gateways(const json::value& document, int status, const Question& question) {
  if (!document.is_object()) return false;
  if (status != 200)
    return at(document, "error", "code").is_string() &&
           at(document, "error", "message").is_string();
  return std::all_of(question.keys.begin(), question.keys.end(),
                     [&](std::string_view key) { return document.get_object().contains(key); });
}

}  // namespace

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

int fail(const Options& options, const Terminal& terminal, ExitStatus status, std::string_view code,
         const std::string& message) {
  if (options.json)
    terminal.out << "{\"error\":{\"code\":" << base::json_string(code)
                 << ",\"message\":" << base::json_string(message) << "}}\n";
  else
    terminal.err << paint(terminal.colour, Colour::red,
                          base::printable_lines("canary-gateway: " + message))
                 << "\n";
  return status;
}

std::optional<Answer> ask(const Options& options, const Terminal& terminal,
                          const Question& question, int& exit_status) {
  const auto failed = [&](ExitStatus status, std::string_view code, const std::string& message) {
    exit_status = fail(options, terminal, status, code, message);
    return std::nullopt;
  };
  if (const auto url = net::parse_url(options.admin); !url)
    return failed(exit_usage, "usage", source_of_admin(options) + ": " + url.error().message());
  const auto request = prepare(options, question);
  if (!request) return failed(exit_usage, "usage", request.error().message());
  auto answer = exchange(*request, !question.key.empty());
  if (!answer)
    return failed(exit_unreachable, "unreachable",
                  "cannot reach the gateway at " + base::url_origin(options.admin) + ": " +
                      answer.error().message());
  json::error_code code;
  json::value document = json::parse(answer->body, code);
  if (code || !is_a_gateways(document, answer->status, question))
    return failed(exit_unreachable, "no_gateway",
                  "what answers at " + base::url_origin(options.admin) +
                      " is no canary-gateway (status " + std::to_string(answer->status) + ")");
  return Answer{answer->status, std::move(answer->body), std::move(document)};
}

std::optional<int> told(const Options& options, const Terminal& terminal, const Answer& answer) {
  if (options.json) {
    terminal.out << answer.body << (answer.body.ends_with('\n') ? "" : "\n");
    return answer.status == 200 ? exit_ok : exit_refused;
  }
  if (answer.status == 200) return std::nullopt;
  std::string why = "refused (" + std::to_string(answer.status) +
                    "): " + text(at(answer.document, "error", "message"));
  if (answer.status == 401)
    why = options.token_file.empty()
              ? "refused (401): this gateway asks for a token: give --token-file"
              : "refused (401): the token of --token-file is not this gateway's";
  if (text(at(answer.document, "error", "code")) == "expectation_failed")
    why +=
        "\nIt changed between the status shown above and the command. If you still want it, run "
        "the command again.";
  return fail(options, terminal, exit_refused, "refused", why);
}

}  // namespace canary::cli
