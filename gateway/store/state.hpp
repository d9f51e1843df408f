// Opening what a gateway remembers: the latch file and the database, each told of the other. Waits
// for the disk; control thread, at the start.
#pragma once

#include "store/journal.hpp"
#include "store/latch_file.hpp"
#include "store/state_dir.hpp"

namespace canary::store {

struct State {
  LatchFile latch;
  Journal::Opened journal;
  /// The latch file lost something, and nobody vouches that the database knows all of it: the last
  /// gateway did not end in order, or the two do not belong together.
  bool lowerings_lost() const {
    return latch.lost() && (!journal.complete || latch.foreign());
  }
  /// The database was lost at an earlier start, which was killed before it had latched everything.
  bool lost_before() const { return journal.lost && !journal.lost_just_now; }
};

base::Result<State> open_state(StateDir& dir, Journal::Options options = Journal::Options());

}  // namespace canary::store
