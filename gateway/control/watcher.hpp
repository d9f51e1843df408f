// Says that the configuration file may have changed: inotify on the directories that lead to it (an
// editor's rename and Kubernetes' ..data swap never touch the file's own inode), and a look every
// 10 s as a fallback. It reads nothing itself. Control thread.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace canary::control {

class Watcher {
 public:
  /// `look` runs about 50 ms after the last of a burst of changes, and every 10 s.
  Watcher(boost::asio::io_context& io, std::filesystem::path path, std::function<void()> look);
  ~Watcher();
  void start();
  void stop();

 private:
  void watch();
  void read();
  bool concerns_us(std::size_t bytes);
  void look_soon();
  void look_later();

  std::filesystem::path path_;
  std::function<void()> look_;
  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer debounce_, poll_;
  struct Directory {
    std::filesystem::path path;
    std::set<std::string> names;  // those that lead to the file
  };
  std::map<int, Directory> watched_;  // by watch descriptor
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  alignas(8) std::array<char, 8192> events_{};
};

/// Each (directory, name) whose change can change what `path` means: the file itself and every
/// symbolic link on the way to it.
std::vector<std::pair<std::filesystem::path, std::string>> links_to(
    const std::filesystem::path& path);

}  // namespace canary::control
