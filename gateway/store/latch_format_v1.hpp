// Reading the first version of the latch file, which releases before the notes wrote:
//   header   256 bytes: magic "CNRYLAT1" (8), slot count (4), slot size (4), instance (16), zeros
//   slot     256 bytes: name length (2), name (222), CRC-32 of the name (4), padding (4), counts
//            (8), word (8), phase word (8); taken in order, never freed
//   counts   bits 0-31 attempt, 32-63 rollbacks
//   word     bits 0-13 flag (16383: absent), 14-27 cap, 28-41 file, 42 latched, 43 used, 48-63
//   check phase word   bits 0-13 what the plan's phase allows, 43 used, 48-63 check; all 0: no plan
#pragma once

#include <string_view>

#include "store/latch_format.hpp"

namespace canary::store::latch_format {

Decoded decode_version_1(std::string_view bytes);

}  // namespace canary::store::latch_format
