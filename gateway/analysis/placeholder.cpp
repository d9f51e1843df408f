#include "analysis/threshold.hpp"
#include "analysis/verdict.hpp"
