#include "notify/target.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/url_text.hpp"
#include "base/version.hpp"
#include "config/address.hpp"
#include "net/http_client.hpp"
#include "notify/address_guard.hpp"
#include "notify/signature.hpp"

namespace canary::notify {
namespace {

using Kind = config::Notify::Kind;

constexpr std::size_t most_of_answer = 64 << 10;

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::slack:
      return "slack";
    case Kind::webhook:
      return "webhook";
    case Kind::log:
      return "log";
  }
  return "log";
}

void read_url(Target& target, const std::string& place, const Environment& environment) {
  const config::Notify& entry = target.entry;
  target.url = entry.url;
  if (entry.url_env.empty()) return;
  const char* value = environment(entry.url_env.c_str());
  target.url = value ? value : "";
  if (target.url.empty())
    target.problem = place + ".url_env names an environment variable that is not set";
  else if (const auto usable = config::parse_web_url(target.url); !usable)
    target.problem = place + ".url_env names an environment variable that does not hold " +
                     usable.error().message();
}

void read_secret(Target& target, const std::string& place, const Environment& environment) {
  const std::string& name = target.entry.secret_env;
  if (name.empty()) return;
  const char* value = environment(name.c_str());
  const auto key = signing_key(value ? value : "");
  if (key && !key->empty()) {
    target.secret = *key;
    return;
  }
  if (!target.problem.empty()) target.problem += "; ";
  target.problem += place + ".secret_env names an environment variable that " +
                    (value && *value ? "does not hold base64 behind whsec_" : "is not set");
}

net::ClientRequest request_of(const Target& target, const Message& message,
                              const base::Clock& clock) {
  const bool event = target.entry.kind == Kind::webhook;
  net::ClientRequest request{"POST", target.url, message.body, {}};
  request.headers = {
      {"Content-Type", event ? "application/cloudevents+json; charset=UTF-8" : "application/json"},
      {"User-Agent", "canary-gateway/" + std::string(base::version())}};
  if (!event) return request;
  const auto since = std::chrono::floor<std::chrono::seconds>(clock.wall().time_since_epoch());
  const std::string timestamp = std::to_string(since.count());
  request.headers.emplace_back("webhook-id", message.id);
  request.headers.emplace_back("webhook-timestamp", timestamp);
  if (!target.secret.empty())
    request.headers.emplace_back("webhook-signature",
                                 sign(target.secret, message.id, timestamp, message.body));
  return request;
}

// Slack says why in one word (`channel_not_found`); anything else may quote the URL, and stays out.
std::string one_word(const std::string& body) {
  const bool is_word = body.size() <= 40 && std::all_of(body.begin(), body.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || c == '_';
                       });
  return is_word && !body.empty() ? ": " + body : "";
}

Outcome outcome_of(const net::ClientResponse& response, base::WallTime now) {
  const int status = response.status;
  if (status >= 200 && status <= 299) return {};
  Outcome outcome{Outcome::Kind::trouble, "HTTP " + std::to_string(status)};
  if (status >= 300 && status <= 399) outcome.error += ": redirects are not followed";
  outcome.error += one_word(response.body);
  const bool later = status == 408 || status == 425 || status == 429;
  if (status >= 400 && status <= 499 && !later) outcome.kind = Outcome::Kind::refused;
  for (const auto& [name, value] : response.headers)
    if (base::iequals(name, "Retry-After")) outcome.retry_after = parse_retry_after(value, now);
  return outcome;
}

}  // namespace

Target target_of(const config::Notify& entry, const std::string& place,
                 const Environment& environment) {
  Target target{entry, "", std::string(kind_name(entry.kind)), "", "", ""};
  if (entry.kind != Kind::log) {
    read_url(target, place, environment);
    read_secret(target, place, environment);
  }
  target.key = target.shown;
  if (!entry.channel.empty()) target.key += " " + entry.channel;
  if (!entry.url_env.empty()) target.key += " $" + entry.url_env;
  if (!entry.url.empty())
    target.key += " " + base::url_origin(entry.url) + " " + short_hash(entry.url, 12);
  if (entry.channel.starts_with('#') || entry.channel.starts_with('@'))
    target.shown += " " + entry.channel;
  else if (!entry.url.empty())
    target.shown += " " + base::url_origin(entry.url);
  else if (!entry.url_env.empty() && environment(entry.url_env.c_str()))
    target.shown += " $" + entry.url_env;
  return target;
}

Outcome deliver(const Target& target, const Message& message, const base::Clock& clock,
                const std::vector<config::ListenAddress>& own, base::Duration timeout,
                std::stop_token stop) {
  if (!target.problem.empty()) return {Outcome::Kind::trouble, target.problem};
  net::ClientOptions options;
  options.timeout = timeout;
  options.max_body = most_of_answer;
  options.head_suffices = true;
  options.refuse = [&own](const net::PeerAddress& peer) { return refusal(peer, own); };
  options.stop = std::move(stop);
  const auto response = net::http_exchange(request_of(target, message, clock), options);
  if (!response) return {Outcome::Kind::trouble, response.error().message()};
  return outcome_of(*response, clock.wall());
}

}  // namespace canary::notify
