// What happens to a path, by inotify on every directory that leads to it: an editor's rename and
// Kubernetes' ..data swap never touch the file's own inode. Every call may wait for the file
// system: it lives on the thread of control/config_file alone.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace canary::control {

/// What the last events say, the newest where several do.
enum class Change : unsigned char {
  none,      // nothing that concerns the path
  replaced,  // another file, or a link, was put in its place as a whole
  opened,    // a writer has begun it or written to it, and has not closed it yet
  closed,    // a writer has closed it
  unsure,    // events were lost, or a directory that leads to it is gone
};

class Watch {
 public:
  explicit Watch(std::filesystem::path path) : path_(std::move(path)) {}
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// False, with errno: there is no inotify, and nothing will be noticed.
  bool open();
  /// Readable when something happened; -1 before open().
  int descriptor() const { return inotify_; }
  /// Watches what leads to the path now; what was followed before and is not any more is forgotten.
  void follow();
  /// What happened since the last call; does not wait. Follows what was replaced.
  Change take();

 private:
  Change meaning(unsigned mask, const std::filesystem::path& where) const;

  std::filesystem::path path_;
  int inotify_ = -1;
  struct Directory {
    std::filesystem::path path;
    std::set<std::string> names;  // those that lead to the file
  };
  std::map<int, Directory> watched_;  // by watch descriptor
};

/// Each (directory, name) whose change can change what `path` means: the file itself and every
/// symbolic link on the way to it.
std::vector<std::pair<std::filesystem::path, std::string>> links_to(
    const std::filesystem::path& path);

}  // namespace canary::control
