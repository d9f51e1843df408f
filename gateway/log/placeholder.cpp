#include "log/access_log.hpp"
#include "log/log.hpp"
