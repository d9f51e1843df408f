// A request head as routing sees it.
#pragma once

#include "http/request_head.hpp"
#include "traffic/request_view.hpp"

namespace canary::proxy {

class HeadView final : public traffic::RequestView {
 public:
  HeadView(const http::RequestHead& head, std::string_view client_address)
      : head_(head), client_address_(client_address) {}
  std::string_view host() const override { return head_.authority; }
  /// `OPTIONS *` asks about the whole server: it goes where every path goes.
  std::string_view path() const override { return head_.path == "*" ? "/" : head_.path; }
  std::string_view query() const override { return head_.query; }
  std::string_view header(std::string_view name) const override { return head_.find(name); }
  std::string_view client_address() const override { return client_address_; }

 private:
  const http::RequestHead& head_;
  std::string_view client_address_;
};

}  // namespace canary::proxy
