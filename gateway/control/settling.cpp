#include "control/settling.hpp"

#include <algorithm>

namespace canary::control {

base::Duration patience(Change how) {
  using namespace std::chrono_literals;
  switch (how) {
    case Change::replaced:
      return 0s;
    case Change::closed:
      return 500ms;
    case Change::opened:
      return 60s;
    case Change::none:
    case Change::unsure:  // no inotify there: nobody knows how it changed
      return 10s;
  }
  return 10s;
}

void Settling::changed(Change change) {
  if (change == Change::none) return;
  how_ = change;
  news_ = true;
}

base::Duration Settling::left(const base::FileState& file, base::MonoTime now,
                              base::WallTime wall) {
  if (file_ != file) {
    // It differs and nothing was noticed: a file system that does not tell.
    if (file_ && !news_) how_ = Change::unsure;
    file_ = file;
    since_ = now;
  }
  news_ = false;
  // Its own time of modification tells more than our first look, unless it lies in the future.
  const base::Duration age = wall - base::WallTime(std::chrono::nanoseconds(file.modified_ns));
  const base::Duration same = std::max<base::Duration>(now - since_, age);
  return std::max<base::Duration>(patience(how_) - same, base::Duration::zero());
}

}  // namespace canary::control
