// Which words may stand where: names, header fields, paths. Pure questions.
#pragma once

#include <string_view>

namespace canary::config {

inline constexpr std::string_view name_rule =
    "a name of 1..100 letters, digits, '.', '_' and '-' that begins with a letter or digit";
bool is_name(std::string_view text);

/// RFC 9110, 5.6.2: a header's or a cookie's name.
inline constexpr std::string_view token_rule = "a name of letters, digits and !#$%&'*+-.^_`|~";
bool is_token(std::string_view text);

/// RFC 9110, 5.5: no control characters, no space at either end.
inline constexpr std::string_view header_value_rule =
    "a header value without control characters or surrounding spaces";
bool is_header_value(std::string_view text);

inline constexpr std::string_view query_name_rule = "the name of a query parameter";
bool is_query_name(std::string_view text);

/// A path from '/' on, without query and fragment, outside the gateway's own paths.
inline constexpr std::string_view path_prefix_rule =
    "a path that begins with '/', without '?', '#' or spaces, outside /internal and /ofrep";
bool is_path_prefix(std::string_view text);

/// What a request line asks for: a path, and perhaps a query.
inline constexpr std::string_view request_target_rule =
    "a path that begins with '/', without '#' or spaces";
bool is_request_target(std::string_view text);

/// A model's name as its server has it, which may be another than the gateway's.
inline constexpr std::string_view served_name_rule = "1..200 visible ASCII characters, no spaces";
bool is_served_name(std::string_view text);

inline constexpr std::string_view file_path_rule = "the path of a file";
bool is_file_path(std::string_view text);

inline constexpr std::string_view variable_rule =
    "the name of an environment variable that holds it: letters, digits and '_', not a digit "
    "first";
bool is_variable(std::string_view text);

inline constexpr std::string_view channel_rule =
    "a channel of at most 100 bytes without spaces, '/' and ':', such as #incidents";
bool is_channel(std::string_view text);

/// Whether YAML 1.2's core schema (10.3.2) takes this unquoted scalar for a number or a boolean.
/// Such a word needs quotes where text is meant: 1.10 would be 1.1 to an editor, 010 would be 10.
bool looks_typed(std::string_view text);

}  // namespace canary::config
