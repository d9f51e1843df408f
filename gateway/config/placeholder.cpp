#include "config/config.hpp"
#include "config/load.hpp"
