// A request head as routing sees it.
#pragma once

#include "config/address.hpp"
#include "http/request_head.hpp"
#include "traffic/client_address.hpp"
#include "traffic/request_view.hpp"

namespace canary::call {

class HeadView final : public traffic::RequestView {
 public:
  /// `peer`: of the connection, as text and as bytes.
  HeadView(const http::RequestHead& head, std::string_view peer, const traffic::IpAddress& bytes,
           const std::vector<config::AddressBlock>& trusted)
      : head_(head), peer_(peer), bytes_(bytes), trusted_(trusted) {}
  std::string_view host() const override { return head_.authority; }
  /// `OPTIONS *` asks about the whole server: it goes where every path goes.
  std::string_view path() const override { return head_.path == "*" ? "/" : head_.path; }
  std::string_view query() const override { return head_.query; }
  std::string_view next_header(std::string_view name, std::size_t& at) const override;
  std::string_view client_address() const override;

 private:
  const http::RequestHead& head_;
  std::string_view peer_;
  const traffic::IpAddress& bytes_;
  const std::vector<config::AddressBlock>& trusted_;
  mutable config::IpText text_;
};

}  // namespace canary::call
