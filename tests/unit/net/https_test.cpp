#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "net/http_client.hpp"
#include "support/raw_client.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// A certificate that signs itself, for `names` ("DNS:localhost"), and its key, as one PEM file.
void make_certificate(const std::filesystem::path& path, const std::string& names) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509* cert = certificate.get();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key.get());
  X509_NAME* name = X509_get_subject_name(cert);
  const auto* common = reinterpret_cast<const unsigned char*>("canary test");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
  X509_set_issuer_name(cert, name);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
  REQUIRE(X509_sign(cert, key.get(), EVP_sha256()) > 0);
  FILE* file = std::fopen(path.c_str(), "w");
  REQUIRE(file != nullptr);
  PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_X509(file, cert);
  std::fclose(file);
}

// Accepts one TLS connection, reads a head, answers 200 with the server name it was asked for.
class TlsServer {
 public:
  explicit TlsServer(const std::filesystem::path& pem) {
    context_.use_certificate_chain_file(pem.string());
    context_.use_private_key_file(pem.string(), asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() { thread_.join(); }
  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + "/x";
  }

 private:
  void serve() {
    asio::ssl::stream<asio::ip::tcp::socket> stream(io_, context_);
    acceptor_.accept(stream.lowest_layer());
    boost::system::error_code code;
    stream.handshake(asio::ssl::stream_base::server, code);
    if (code) return;
    std::string request;
    asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", code);
    const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    const std::string body = name ? name : "none";
    asio::write(stream,
                asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                             "\r\n\r\n" + body),
                code);
  }
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_;
};

std::string outcome(const std::string& url) {
  net::ClientOptions options;
  options.timeout = 10s;
  const auto answer = net::http_exchange({"GET", url, "", {}}, options);
  return answer ? answer->body : answer.error().message();
}

}  // namespace

TEST_CASE("https verifies who answers, and says whom it asks for") {
  const support::TempDir dir;
  make_certificate(dir / "local.pem", "DNS:localhost,IP:127.0.0.1");
  make_certificate(dir / "other.pem", "DNS:elsewhere.example");
  ::setenv("SSL_CERT_FILE", (dir / "local.pem").c_str(), 1);
  {
    TlsServer server(dir / "local.pem");
    CHECK(outcome(server.url("localhost")) == "localhost");
  }
  {
    TlsServer server(dir / "local.pem");
    CHECK(outcome(server.url("127.0.0.1")) == "none");
  }
  {
    TlsServer unknown(dir / "other.pem");
    CHECK(outcome(unknown.url("localhost")).starts_with("handshake: "));
  }
  ::setenv("SSL_CERT_FILE", (dir / "other.pem").c_str(), 1);
  {
    TlsServer misnamed(dir / "other.pem");
    CHECK(outcome(misnamed.url("localhost")).starts_with("handshake: "));
  }
  ::unsetenv("SSL_CERT_FILE");
}
