// The configuration file, watched and read on one thread of its own: a mount that hangs holds up
// that thread, and neither the control thread nor anything that it must do (judge, roll back, end).
// Says what it saw by posting to the control thread, which makes every call here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/read_file.hpp"

namespace canary::control {

/// What one look at the file saw.
struct Look {
  base::Result<base::FileText> file;  // the error says what is wrong, and with which path
  bool asked = false;                 // somebody asked for it: it counts as it is
  base::Duration left{};              // so long it must still stay as it is to be believed
  bool open = false;                  // its writer has not closed it
  bool whole = false;                 // it was put in place whole, by a rename
};

class ConfigFile {
 public:
  /// Blocking; called on the file's thread.
  using Read = std::function<base::Result<base::FileText>(const std::string& path)>;
  static base::Result<base::FileText> read_system(const std::string& path);

  struct Parts {
    boost::asio::io_context& io;
    std::string path;
    bool own_thread = true;  // false: read at once, and nothing is watched (a rehearsal)
    Read read = nullptr;     // none: read_system
    std::function<void(Look)> seen;
    std::function<void()> stuck;  // a call on the path has lasted two seconds; once for each
  };
  explicit ConfigFile(Parts parts);
  ~ConfigFile();

  /// Looks some 50 ms after the last of a burst of changes, as soon as what it saw may be believed,
  /// and every 10 s.
  void watch();
  /// Reads it now; the next look that says `asked` is the answer.
  void ask();
  void stop();
  /// How long the file system has not answered; nothing while it does.
  std::optional<base::Duration> stuck_for() const;

 private:
  struct Thread;
  void run();
  void begin();
  void check_later();

  Parts parts_;
  std::shared_ptr<Thread> thread_;  // shared with the thread itself, which may outlive this
  boost::asio::steady_timer check_;
  bool running_ = false, checks_ = false, told_ = false;
};

/// "cannot read PATH: still waiting for its file system since 12s".
std::string still_waiting(const std::string& path, base::Duration since);

/// For a start: reads on a thread of its own, and waits no longer than `patience`.
base::Result<base::FileText> read_within(const std::string& path, base::Duration patience);

}  // namespace canary::control
