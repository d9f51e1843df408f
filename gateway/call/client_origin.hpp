// Where a client believes it asks: scheme and host, kept until the answer has come. A model server
// that builds a Location of its own name or address would send clients past the gateway; such a
// reference is given the client's origin instead (docs/decisions/0088-locations.md).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "http/request_head.hpp"
#include "http/response_head.hpp"
#include "traffic/routing_table.hpp"

namespace canary::call {

class ClientOrigin {
 public:
  /// `trusted`: the peer may say what it was asked itself (X-Forwarded-Proto, X-Forwarded-Host,
  /// X-Forwarded-Port).
  void take(const http::RequestHead& head, bool trusted) {
    https_ = false;
    set_host(head.authority);
    if (trusted) believe(head);
  }

  /// Replaces Location and Content-Location where they name an endpoint of the model; the new
  /// values lie in `text`. One that is there twice stays, as does what is no absolute http
  /// reference. A client that named no host gets the path alone.
  void replace_in(http::ResponseHead& head, const traffic::Model& model, std::string& text) const;

 private:
  void set_host(std::string_view authority) {
    const bool fits = authority.size() <= host_.size();
    size_ = fits ? static_cast<std::uint16_t>(authority.size()) : 0;
    if (size_ > 0) std::memcpy(host_.data(), authority.data(), size_);
  }
  void set_port(std::string_view host, std::string_view port);
  void believe(const http::RequestHead& head);
  void append(std::string& text, std::string_view scheme, std::string_view rest) const;

  bool https_ = false;
  std::uint16_t size_ = 0;      // of host_; 0: unknown
  std::array<char, 260> host_;  // with port, as the client sent it: names have up to 253 characters
};

}  // namespace canary::call
