// What to do about a start that failed for want of something of the operating system's. Pure but
// for the look whether a descriptor is left. Any thread.
#pragma once

#include <exception>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace canary::run {

/// What an exception at the start says, and what to do about it.
std::string explain(const std::exception& error);
/// `message` of a failure that came as a value, and what to do when hardly a descriptor is left:
/// libraries say only that a file could not be opened.
std::string explain(std::string message);
/// Whether `message` says that the process has no descriptor left.
bool says_too_many_open(std::string_view message);

/// What is wrong with a limit of descriptors that leaves no room for requests besides the `own`
/// ones of a gateway with so many workers: it would be ready, and serve nobody.
std::optional<std::string> lack_of_room(std::size_t own, std::size_t workers);

}  // namespace canary::run
