#include "admin/answer.hpp"

#include "admin/json_writer.hpp"

namespace canary::admin {

net::HttpResponse failure(int status, std::string_view code, std::string_view message) {
  JsonWriter out;
  out.object(
      [&] { out.key("error").object([&] { out.field("code", code).field("message", message); }); });
  auto response = json(out.take());
  response.status = status;
  return response;
}

net::HttpResponse json(std::string body) {
  net::HttpResponse response;
  response.body = std::move(body);
  response.body += '\n';
  return response;
}

}  // namespace canary::admin
