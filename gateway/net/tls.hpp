// TLS of the small client: TLS 1.2 or later, the peer verified against the system's certificates
// (or those of the file that SSL_CERT_FILE names) and by the name or address of the URL.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace canary::net {

using TlsStream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

base::Result<void> trust_system(boost::asio::ssl::context& context);
/// Who must answer, and whom we ask for (SNI).
base::Result<void> expect_host(TlsStream& stream, std::string_view name);
/// Why the certificate was refused, such as "hostname mismatch"; empty when it was not.
std::string refused_certificate(TlsStream& stream);

}  // namespace canary::net
