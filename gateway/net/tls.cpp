#include "net/tls.hpp"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <boost/asio/ip/address.hpp>
#include <cstdlib>

#include "base/text.hpp"

namespace canary::net {
namespace ssl = boost::asio::ssl;

namespace {

// OpenSSL would wait for whoever writes into a FIFO.
bool is_file_or_absent(const char* path) {
  struct stat status {};
  return ::stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

}  // namespace

base::Result<void> trust_system(ssl::context& context) {
  const char* const named = std::getenv(X509_get_default_cert_file_env());
  if (!is_file_or_absent(named && *named ? named : X509_get_default_cert_file()))
    return base::Error("no certificates to trust: " +
                       std::string(X509_get_default_cert_file_env()) + " is not a regular file");
  boost::system::error_code code;
  context.set_default_verify_paths(code);
  if (code) return base::Error("no certificates to trust: " + code.message());
  if (!SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION))
    return base::Error("TLS 1.2 is not available");
  return {};
}

base::Result<void> expect_host(TlsStream& stream, std::string_view name) {
  // RFC 6066, 3: without the dot of an absolute name; so certificates have it.
  const std::string host(base::without_final_dot(name));
  boost::system::error_code not_numeric, code;
  boost::asio::ip::make_address(host, not_numeric);
  SSL* const handle = stream.native_handle();
  stream.set_verify_mode(ssl::verify_peer, code);
  bool expected = !code;
  if (not_numeric) {
    SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // RFC 6066, 3: a literal address is no server name.
    expected = expected && SSL_set1_host(handle, host.c_str()) == 1 &&
               SSL_set_tlsext_host_name(handle, host.c_str()) == 1;
  } else {
    expected = expected && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), host.c_str()) == 1;
  }
  if (!expected) return base::Error("the server's name cannot be asked for");
  return {};
}

std::string refused_certificate(TlsStream& stream) {
  const long result = SSL_get_verify_result(stream.native_handle());
  return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

}  // namespace canary::net
