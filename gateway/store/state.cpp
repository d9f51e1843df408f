#include "store/state.hpp"

#include <utility>

namespace canary::store {

base::Result<State> open_state(StateDir& dir, Journal::Options options) {
  // The latch file first: a start that ends between the two must not look like a lost latch file.
  auto latch = LatchFile::open(dir.path());
  if (!latch) return latch.error();
  options.existed = dir.used();
  auto journal = Journal::open(dir.path(), std::move(options));
  if (!journal) return journal.error();
  latch->settle(!journal->first_start, journal->latch_instance);
  // Rollbacks are counted from the beginning where their number is gone.
  if (journal->lost_just_now ||
      (latch->lost_just_now() && (!journal->complete || latch->foreign())))
    latch->renew_instance(journal->latch_instance);
  if (latch->instance() != journal->latch_instance)
    journal->journal->remember_latch_file(latch->instance());
  dir.mark_used();
  State state{std::move(*latch), std::move(*journal)};
  if (!state.lowerings_lost()) state.latch.loss_settled();  // the database knows all of it
  return state;
}

}  // namespace canary::store
