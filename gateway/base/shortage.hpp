// What a failed system call says of ourselves rather than of whom it was to reach.
#pragma once

#include <cerrno>

namespace canary::base {

/// Our own lack of descriptors, ports or memory, not the other side's fault. `error`: an errno.
constexpr bool is_local_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
         error == EADDRNOTAVAIL;
}

}  // namespace canary::base
