// The shapes every answer of the admin listener shares.
#pragma once

#include <string>
#include <string_view>

#include "net/http_server.hpp"

namespace canary::admin {

/// {"error":{"code":"unknown_model","message":"..."}}
net::HttpResponse failure(int status, std::string_view code, std::string_view message);
net::HttpResponse json(std::string body);

}  // namespace canary::admin
