#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "net/http_client.hpp"
#include "net/tls.hpp"
#include "support/raw_client.hpp"
#include "support/temp_dir.hpp"

using namespace canary;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

struct Certificate {
  Owned<EVP_PKEY> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Owned<X509> cert{X509_new(), X509_free};
};

void extend(X509* cert, int kind, const std::string& value) {
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()),
                                        X509_EXTENSION_free);
  REQUIRE(extension);
  X509_add_ext(cert, extension.get(), -1);
}

// Valid for an hour around now, moved by `shift` seconds; signed by `issuer`, or by itself.
Certificate make_certificate(const std::string& common, const Certificate* issuer, long shift,
                             int extension, const std::string& value) {
  Certificate made;
  X509* cert = made.cert.get();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), shift - 3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), shift + 3600);
  X509_set_pubkey(cert, made.key.get());
  X509_NAME* name = X509_get_subject_name(cert);
  const auto* text = reinterpret_cast<const unsigned char*>(common.c_str());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer->cert.get()) : name);
  extend(cert, extension, value);
  EVP_PKEY* signer = issuer ? issuer->key.get() : made.key.get();
  REQUIRE(X509_sign(cert, signer, EVP_sha256()) > 0);
  return made;
}

Certificate make_authority(const std::string& name) {
  return make_certificate(name, nullptr, 0, NID_basic_constraints, "critical,CA:TRUE");
}

Certificate make_server(const Certificate& issuer, const std::string& names, long shift = 0) {
  return make_certificate("server", &issuer, shift, NID_subject_alt_name, names);
}

// The key and the certificate, as one PEM file.
void write_pem(const std::filesystem::path& path, const Certificate& certificate) {
  FILE* file = std::fopen(path.c_str(), "w");
  REQUIRE(file != nullptr);
  PEM_write_PrivateKey(file, certificate.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_X509(file, certificate.cert.get());
  std::fclose(file);
}

// Accepts one TLS connection, reads a head, answers 200 with the server name it was asked for.
class TlsServer {
 public:
  explicit TlsServer(const std::filesystem::path& pem, int newest = TLS1_3_VERSION) {
    SSL_CTX_set_max_proto_version(context_.native_handle(), newest);
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
  const Certificate trusted = make_authority("trusted"), stranger = make_authority("stranger");
  write_pem(dir / "trusted.pem", trusted);
  write_pem(dir / "good.pem", make_server(trusted, "DNS:localhost,IP:127.0.0.1"));
  write_pem(dir / "stranger.pem", make_server(stranger, "DNS:localhost"));
  write_pem(dir / "elsewhere.pem", make_server(trusted, "DNS:elsewhere.example,IP:127.0.0.2"));
  write_pem(dir / "expired.pem", make_server(trusted, "DNS:localhost", -2 * 86400));
  write_pem(dir / "early.pem", make_server(trusted, "DNS:localhost", 2 * 86400));
  ::setenv("SSL_CERT_FILE", (dir / "trusted.pem").c_str(), 1);
  const struct {
    const char *pem, *host, *outcome;
  } rows[] = {
      {"good.pem", "localhost", "localhost"},
      {"good.pem", "127.0.0.1", "none"},
      {"stranger.pem", "localhost", "handshake: unable to get local issuer certificate"},
      {"elsewhere.pem", "localhost", "handshake: hostname mismatch"},
      {"elsewhere.pem", "127.0.0.1", "handshake: IP address mismatch"},
      {"expired.pem", "localhost", "handshake: certificate has expired"},
      {"early.pem", "localhost", "handshake: certificate is not yet valid"},
  };
  for (const auto& row : rows) {
    INFO(row.pem << " as " << row.host);
    TlsServer server(dir / row.pem);
    CHECK(outcome(server.url(row.host)) == row.outcome);
  }
  TlsServer outdated(dir / "good.pem", TLS1_1_VERSION);
  CHECK(outcome(outdated.url("localhost")).starts_with("handshake: "));
  ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE("certificates that are a FIFO are an error, not a wait for who writes into it") {
  const support::TempDir directory;
  const std::string fifo = (directory / "certificates").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const char* const before = std::getenv("SSL_CERT_FILE");
  const std::string kept = before ? before : "";
  ::setenv("SSL_CERT_FILE", fifo.c_str(), 1);
  asio::ssl::context context(asio::ssl::context::tls_client);
  const auto trusting = net::trust_system(context);
  before ? ::setenv("SSL_CERT_FILE", kept.c_str(), 1) : ::unsetenv("SSL_CERT_FILE");
  REQUIRE_FALSE(trusting);
  CHECK(trusting.error().message().find("SSL_CERT_FILE is not a regular file") !=
        std::string::npos);
}

TEST_CASE("https to a server that speaks plain HTTP fails in the handshake") {
  test::RunningServer plain([](const net::HttpRequest&, net::Respond respond) { respond({}); });
  CHECK(outcome("https://127.0.0.1:" + std::to_string(plain.port) + "/")
            .starts_with("handshake: wrong version number"));
}

TEST_CASE("a handshake that is never answered is given up at the deadline, or when told") {
  asio::io_context io;
  asio::ip::tcp::acceptor silent(io, {asio::ip::make_address("127.0.0.1"), 0});
  const std::string url = "https://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  net::ClientOptions options;
  options.timeout = 30ms;
  CHECK(net::http_exchange({"GET", url, "", {}}, options).error().message() ==
        "handshake: no answer in time");
  std::stop_source source;
  options.timeout = 60s;
  options.stop = source.get_token();
  std::thread stopper([&] {
    asio::ip::tcp::socket first(io), second(io);
    silent.accept(first);   // of the exchange above
    silent.accept(second);  // connected: it waits for the handshake's answer
    source.request_stop();
  });
  CHECK(net::http_exchange({"GET", url, "", {}}, options).error().message() == "stopped");
  stopper.join();
}
