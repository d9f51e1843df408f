// What a model server may call itself: for Locations that must not lead clients past the gateway.
#pragma once

#include <cstdint>
#include <string_view>

#include "traffic/routing_table.hpp"

namespace canary::traffic {

/// Whether `host` and `port` are an endpoint's of either version of the model: by the name or
/// address that the file has, by an address that a name stands for, or by `upstream.host.name`.
/// `host`: in any case, an IPv6 address in brackets and in any spelling. `port` 0: the scheme's;
/// with `https` that is 443, or 80 as well: a server that takes its scheme from a header and its
/// name from Host says so.
bool names_endpoint(const Model& model, std::string_view host, std::uint16_t port, bool https);

}  // namespace canary::traffic
