// Writing JSON without a document model: strings are escaped, numbers are finite. For log lines,
// error bodies and model-version, where the shape is fixed and a library would only cost.
#pragma once

#include <string>
#include <string_view>

namespace canary::base {

/// Appends `text` as a JSON string with its quotes. Bytes that are not valid UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);
/// A JSON number; NaN and infinities become `null`.
void append_json_number(std::string& out, double value);

}  // namespace canary::base
