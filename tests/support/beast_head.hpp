// A second witness for what the scanner reads: Boost.Beast's parser, which shares no line with it.
// Whatever the gate accepts, Beast reads as the same fields. Beast's way round it is laxer.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace canary::http {

template <bool is_request>
class BeastHead final : public boost::beast::http::basic_parser<is_request> {
  using view = boost::beast::string_view;
  using error_code = boost::beast::error_code;

 public:
  std::string method, target, reason;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  bool accepted = false;

  explicit BeastHead(std::string_view head) {
    this->header_limit(UINT32_MAX);
    this->body_limit(boost::none);
    this->skip(true);
    error_code error;
    const auto used = this->put(boost::beast::net::const_buffer(head.data(), head.size()), error);
    accepted = !error && used == head.size();
  }

 private:
  void on_request_impl(boost::beast::http::verb, view m, view t, int, error_code&) override {
    method = std::string(m);
    target = std::string(t);
  }
  void on_response_impl(int code, view text, int, error_code&) override {
    status = code;
    reason = std::string(text);
  }
  void on_field_impl(boost::beast::http::field, view name, view value, error_code&) override {
    fields.emplace_back(std::string(name), std::string(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}
};

template <bool is_request, class Head>
bool beast_reads_the_same_fields(const BeastHead<is_request>& witness, const Head& head) {
  const auto fields = head.fields();
  if (!witness.accepted || witness.fields.size() != fields.size()) return false;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].name != witness.fields[i].first || fields[i].value != witness.fields[i].second)
      return false;
  return true;
}

}  // namespace canary::http
