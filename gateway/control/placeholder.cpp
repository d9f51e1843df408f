#include "control/controller.hpp"
#include "control/views.hpp"
