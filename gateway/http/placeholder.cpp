#include "http/body.hpp"
#include "http/build_head.hpp"
