// Standard Webhooks' symmetric signature: HMAC-SHA256 over `id.timestamp.body`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace canary::notify {

/// The key's bytes: `whsec_` and base64, or the text as it stands. Nothing when what follows
/// `whsec_` is no base64.
std::optional<std::string> signing_key(std::string_view secret);

/// `v1,<base64>`: the header `webhook-signature`.
std::string sign(std::string_view key, std::string_view id, std::string_view timestamp,
                 std::string_view body);

/// The SHA-256's first `digits` hexadecimal digits: tells two URLs apart without showing them.
std::string short_hash(std::string_view text, std::size_t digits);

}  // namespace canary::notify
