// A request as routing sees it, made by hand.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "traffic/request_view.hpp"

namespace canary::tests {

struct FakeRequest final : traffic::RequestView {
  std::string host_text = "localhost:8080", path_text = "/", query_text, address = "10.0.0.7";
  std::vector<std::pair<std::string, std::string>> headers;

  FakeRequest() = default;
  explicit FakeRequest(std::string path) : path_text(std::move(path)) {}
  FakeRequest& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }

  std::string_view host() const override { return host_text; }
  std::string_view path() const override { return path_text; }
  std::string_view query() const override { return query_text; }
  std::string_view next_header(std::string_view name, std::size_t& at) const override {
    while (at < headers.size()) {
      const auto& [key, value] = headers[at++];
      if (base::iequals(key, name)) return value;
    }
    return {};
  }
  std::string_view client_address() const override { return address; }
};

}  // namespace canary::tests
