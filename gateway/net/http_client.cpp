#include "net/http_client.hpp"

#include "net/client_exchange.hpp"
#include "net/resolve.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"

namespace canary::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Message = http::request<http::string_body>;

namespace {

bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

base::Result<Message> build(const ClientRequest& request, const Url& url) {
  Message message;
  const auto verb = http::string_to_verb(request.method);
  if (verb == http::verb::unknown)
    return base::Error("not a known method: '" + request.method + "'");
  message.method(verb);
  message.target(url.target);
  message.version(11);
  message.set(http::field::host, url.authority);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) {
    if (!one_line(name) || !one_line(value))
      return base::Error("a header's value may not hold a line break: " + name);
    message.set(name, value);
  }
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

PeerAddress peer_of(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  const auto v6 = address.is_v6() ? address.to_v6()
                                  : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
  return {v6.to_bytes(), endpoint.port()};
}

/// Why the name may not be used, by the addresses it stands for; empty when it may.
std::string refusal(const Endpoints& endpoints, const ClientOptions& options) {
  if (!options.refuse) return {};
  for (const auto& endpoint : endpoints)
    if (auto why = options.refuse(peer_of(endpoint)); !why.empty())
      return endpoint.address().to_string() + " is not connected to: " + why;
  return {};
}

base::Result<ClientResponse> exchange_with_tls(Message message, Endpoints endpoints, const Url& url,
                                               const ClientOptions& options,
                                               base::Duration timeout) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  if (const auto trusting = trust_system(context); !trusting)
    return base::Error("handshake: " + trusting.error().message());
  ClientExchange<TlsStream> exchange(std::move(message), std::move(endpoints), options, context);
  if (const auto expecting = expect_host(exchange.stream(), url.host); !expecting)
    return base::Error("handshake: " + expecting.error().message());
  return exchange.run(timeout);
}

}  // namespace

base::Result<ClientResponse> http_exchange(const ClientRequest& request,
                                           const ClientOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  const auto url = parse_url(request.url);
  if (!url) return url.error();
  auto message = build(request, *url);
  if (!message) return message.error();
  auto endpoints = resolve(*url, options.timeout, options.stop);
  if (options.stop.stop_requested()) return base::Error("stopped");
  if (!endpoints) return base::Error("resolve: " + endpoints.error().message());
  if (auto why = refusal(*endpoints, options); !why.empty()) return base::Error("refused: " + why);
  const base::Duration left = options.timeout - (std::chrono::steady_clock::now() - started);
  if (left <= base::Duration::zero()) return base::Error("resolve: no answer in time");
  if (url->tls)
    return exchange_with_tls(std::move(*message), std::move(*endpoints), *url, options, left);
  return ClientExchange<beast::tcp_stream>(std::move(*message), std::move(*endpoints), options)
      .run(left);
}

base::Result<ClientResponse> http_exchange(const ClientRequest& request, base::Duration timeout) {
  ClientOptions options;
  options.timeout = timeout;
  return http_exchange(request, options);
}

}  // namespace canary::net
