#include "admin/token.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/text.hpp"

namespace canary::admin {
namespace {

constexpr std::size_t min_length = 32;

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

base::Result<std::string> load_token(const std::filesystem::path& file) {
  const auto unusable = [&](const std::string& why) {
    return base::Error("admin.token_file " + file.string() + ": " + why);
  };
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (descriptor.value < 0) return unusable(std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor.value, &status) != 0) return unusable(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unusable("not a regular file");
  if ((status.st_mode & 077) != 0)
    return unusable("others than its owner can read it; chmod 600 it");
  std::array<char, 4096> bytes;
  const auto length = ::read(descriptor.value, bytes.data(), bytes.size());
  if (length < 0) return unusable(std::strerror(errno));
  std::string token(bytes.data(), static_cast<std::size_t>(length));
  if (token.size() == bytes.size()) return unusable("longer than 4095 bytes");
  while (!token.empty() && blank(token.back())) token.pop_back();
  token.erase(token.begin(), std::find_if_not(token.begin(), token.end(), blank));
  if (token.size() < min_length)
    return unusable("shorter than " + std::to_string(min_length) +
                    " characters; make one with: openssl rand -hex 32");
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    return unusable("holds a blank or a character beyond ASCII");
  return {boost::system::in_place_value, std::move(token)};
}

bool bears(std::string_view authorization, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() < scheme.size()) return false;
  if (!base::iequals(authorization.substr(0, scheme.size()), scheme)) return false;
  const std::string_view given = base::trim(authorization.substr(scheme.size()));
  unsigned difference = given.size() != token.size();
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    difference |= static_cast<unsigned char>(c ^ token[i]);
  }
  return difference == 0;
}

bool FailureBrake::allows(base::MonoTime now) {
  if (now > last_) {
    left_ = std::min(burst, left_ + std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

}  // namespace canary::admin
