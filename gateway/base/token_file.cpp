#include "base/token_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace canary::base {
namespace {

constexpr std::size_t min_length = 32;

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgroups(count, groups.data()) != count) return false;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<std::string> token_in(std::string text) {
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  if (text.size() < min_length)
    return Error("the token is shorter than " + std::to_string(min_length) +
                 " characters; make one with: openssl rand -hex 32");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    return Error("the token holds a blank or a character beyond ASCII");
  return {boost::system::in_place_value, std::move(text)};
}

}  // namespace

Result<FileReaders> readers_of_secret(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return Error("not a regular file");
  if ((status.st_mode & S_IRWXO) != 0)
    return Error("every user of this host can read or change it; chmod 600 it, or 440 for a group");
  if ((status.st_mode & (S_IWGRP | S_IXGRP)) != 0)
    return Error("its group can change it; chmod 600 it, or 440 for a group");
  if ((status.st_mode & S_IRGRP) == 0) return FileReaders::owner;
  return is_own_group(status.st_gid) ? FileReaders::own_group : FileReaders::foreign_group;
}

Result<std::string> load_token(const std::filesystem::path& file) {
  // A pipe must not hold up who opens it.
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (descriptor.value < 0) return Error(std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor.value, &status) != 0) return Error(std::strerror(errno));
  const auto readers = readers_of_secret(status);
  if (!readers) return readers.error();
  if (*readers == FileReaders::foreign_group)
    return Error("the group " + std::to_string(status.st_gid) +
                 " can read it, and this process is not in that group; chmod 600 it, or run in "
                 "that group");
  std::array<char, 4096> bytes;
  const auto length = ::read(descriptor.value, bytes.data(), bytes.size());
  if (length < 0) return Error(std::strerror(errno));
  if (static_cast<std::size_t>(length) == bytes.size()) return Error("longer than 4095 bytes");
  return token_in(std::string(bytes.data(), static_cast<std::size_t>(length)));
}

}  // namespace canary::base
