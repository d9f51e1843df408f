#include "call/client_origin.hpp"

#include <algorithm>

#include "base/port.hpp"
#include "base/text.hpp"
#include "http/reference.hpp"
#include "http/target.hpp"
#include "traffic/endpoint_names.hpp"

namespace canary::call {
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
  if (http::split_authority(host, parts))
    set_host(host);
  else if (!http::split_authority(head.authority, parts))
    return;
  // A port that stands in the host is the client's own. 80 beside https, or 443 beside http, is
  // some proxy's idea of its own listener.
  if (!parts.port.empty()) return;
  const std::string_view port = first_of(head.find("X-Forwarded-Port"));
  if (base::parse_port(port) != 0 && port != "80" && port != "443") set_port(parts.host, port);
}

void ClientOrigin::set_port(std::string_view host, std::string_view port) {
  if (host.size() + 1 + port.size() > host_.size()) return;
  set_host(host);
  host_[size_++] = ':';
  std::memcpy(host_.data() + size_, port.data(), port.size());
  size_ = static_cast<std::uint16_t>(size_ + port.size());
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

}  // namespace canary::call
