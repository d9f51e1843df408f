// What a start finds in its memory before the file is asked: canaries whose record is lost are
// latched, and what the latch file knew better than the database is written down, a rollback in the
// words it was decided in. Control thread, once.
#pragma once

#include "control/core.hpp"

namespace canary::control {

void recover(Core& core, const config::Config& config);

}  // namespace canary::control
