#include "store/journal.hpp"
#include "store/latch_file.hpp"
#include "store/state_dir.hpp"
