// What a failed system call says of ourselves rather than of whom it was to reach.
#pragma once

#include <sys/socket.h>

#include <cerrno>

namespace canary::base {

/// Our own lack of descriptors, memory or ports, not the fault of whom a connect was to reach.
/// `error`: an errno; `family`: of the address. That no address is left for us means IPv4's ports
/// are used up; for IPv6 it mostly means that this host has none.
constexpr bool is_local_shortage(int error, sa_family_t family) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
         (error == EADDRNOTAVAIL && family == AF_INET);
}

}  // namespace canary::base
