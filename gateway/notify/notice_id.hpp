// What makes a notice's id stable: it is computed from what it is about, so that a decision that is
// told again after a crash is told under the id it had.
#pragma once

#include <string>
#include <string_view>

namespace canary::notify {

/// A name-based UUID, version 5 (RFC 9562, 5.5: SHA-1 over the namespace and the name). `instance`
/// is the namespace, 32 hexadecimal digits; `name` says which decision of that gateway.
std::string notice_id(std::string_view instance, std::string_view name);

}  // namespace canary::notify
