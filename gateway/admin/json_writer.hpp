// The writer of every JSON answer.
#pragma once

#include "base/json_writer.hpp"

namespace canary::admin {
using base::JsonWriter;
}  // namespace canary::admin
