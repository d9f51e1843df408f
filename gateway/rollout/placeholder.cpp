#include "rollout/advance.hpp"
#include "rollout/state.hpp"
