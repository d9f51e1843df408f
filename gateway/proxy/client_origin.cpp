#include "proxy/client_origin.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/reference.hpp"
#include "http/target.hpp"
#include "traffic/endpoint_names.hpp"

namespace canary::proxy {
namespace {

// Of a list, which grows from proxy to proxy, the first is the client's.
std::string_view first_of(std::string_view list) {
  return base::trim(list.substr(0, list.find(',')));
}

bool stands_once(const http::ResponseHead& head, const http::Field& field) {
  const auto fields = head.fields();
  return std::count_if(fields.begin(), fields.end(), [&](const http::Field& other) {
           return other.kind == field.kind && base::iequals(other.name, field.name);
         }) == 1;
}

}  // namespace

void ClientOrigin::believe(const http::RequestHead& head) {
  https_ = base::iequals(first_of(head.find("X-Forwarded-Proto")), "https");
  http::Authority parts;
  const std::string_view host = first_of(head.find("X-Forwarded-Host"));
  if (http::split_authority(host, parts)) set_host(host);
}

void ClientOrigin::replace_in(http::ResponseHead& head, const traffic::Model& model,
                              std::string& text) const {
  const std::string_view scheme = https_ ? "https:" : "http:";
  text.clear();
  std::size_t size = 0;  // views into `text` must stay valid
  for (const http::Field& field : head.fields())
    if (field.kind == http::FieldKind::location) size += field.value.size() + host_.size() + 16;
  text.reserve(size);
  for (http::Field& field : head.fields()) {
    http::Reference reference;
    if (field.kind != http::FieldKind::location || !stands_once(head, field)) continue;
    if (!http::split_reference(field.value, reference)) continue;
    const bool https = reference.scheme.empty() ? https_ : base::iequals(reference.scheme, "https");
    if (!traffic::names_endpoint(model, reference.host, reference.port, https)) continue;
    const std::size_t begin = text.size();
    append(text, reference.scheme.empty() ? std::string_view{} : scheme, reference.rest);
    field.value = std::string_view(text).substr(begin);
  }
}

void ClientOrigin::append(std::string& text, std::string_view scheme, std::string_view rest) const {
  if (size_ > 0) {
    text += scheme;
    text += "//";
    text.append(host_.data(), size_);
  } else if (!rest.starts_with('/')) {
    text += '/';
  } else if (rest.size() > 1 && (rest[1] == '/' || rest[1] == '\\')) {
    text += "/.";  // or what follows would be read as another host
  }
  text += rest;
}

}  // namespace canary::proxy
