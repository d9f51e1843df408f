// The file with the admin listener's bearer token, as the gateway and the command line read it. Any
// thread; reads a file.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace canary::base {

/// Who may read a secret's file besides its owner.
enum class FileReaders {
  owner,         // nobody: 0600, 0400
  own_group,     // a group of this process as well, as a Kubernetes Secret with fsGroup: 0440, 0640
  foreign_group  // a group that this process is not in
};

/// The permission rule for a file that holds a secret: who else may read it, or what is wrong with
/// it: no regular file, open to everybody, or open to a group for more than reading.
Result<FileReaders> readers_of_secret(const struct stat& status);

/// Reads the token: a file under the permission rule, of the owner or of a group of this process,
/// with at least 32 visible ASCII characters; surrounding blanks are dropped. Neither the path nor
/// the content is in the error: the path may be the token itself, put in the wrong place.
Result<std::string> load_token(const std::filesystem::path& file);

}  // namespace canary::base
