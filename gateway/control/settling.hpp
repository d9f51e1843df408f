// When a file that changed may be believed to be whole. A rename puts a whole file in place; who
// writes in place may be slow, may pause, and may close and open it again. Pure.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/read_file.hpp"
#include "control/watch.hpp"

namespace canary::control {

class Settling {
 public:
  void changed(Change change);

  /// The file as it was just read. How much longer it must stay so before it is believed; zero:
  /// believe it. `now` and `wall` are of the moment of reading.
  base::Duration left(const base::FileState& file, base::MonoTime now, base::WallTime wall);

  /// Whether the file was put in place whole, as far as is known.
  bool whole() const { return how_ == Change::replaced; }
  /// Whether a writer that is known to be there has not closed it yet.
  bool open() const { return how_ == Change::opened; }

 private:
  Change how_ = Change::closed;  // before anything is known: the start has believed it already
  bool news_ = false;            // something happened since the last look
  std::optional<base::FileState> file_;
  base::MonoTime since_{};  // when it was first seen as it is
};

/// How long a file must stay as it is after such a change.
base::Duration patience(Change how);

}  // namespace canary::control
