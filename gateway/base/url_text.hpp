// URLs in texts that people read: their path, query and user information may be secrets. Pure.
#pragma once

#include <string>
#include <string_view>

namespace canary::base {

/// scheme://host[:port], without user information: all of a URL that is ever shown. Of what is no
/// URL nothing.
std::string url_origin(std::string_view text);

/// `text` with each URL in it (`scheme://` up to the next blank or quote) cut to its origin; `/...`
/// stands for the rest.
std::string without_url_secrets(std::string_view text);

}  // namespace canary::base
