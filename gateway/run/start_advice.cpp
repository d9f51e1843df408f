#include "run/start_advice.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "base/descriptors.hpp"

namespace canary::run {
namespace {

// `to`: what suffices, where that is known.
std::string lack_of_descriptors(const std::string& to = {}) {
  return "; the limit of " + std::to_string(base::descriptor_limit()) +
         " descriptors is too low: raise it" + to +
         " (ulimit -n, LimitNOFILE=), or lower data.workers";
}

// Nothing where the error itself says what to mend. At a start EAGAIN comes from threads alone.
std::string advice(int error) {
  switch (error) {
    case EMFILE:
      return lack_of_descriptors();
    case ENFILE:
      return "; the system is out of descriptors: raise fs.file-max, or end what holds them";
    case EAGAIN:
      return "; a thread could not be started: raise the limit of threads (ulimit -u, TasksMax=, "
             "pids.max) or of memory (ulimit -v), or lower data.workers";
    case ENOSPC:
      return "; an epoll set is full: raise fs.epoll.max_user_watches";
    case ENOMEM:
      return "; there is too little memory: raise its limit (ulimit -v, MemoryMax=), or lower "
             "data.workers";
    default:
      return {};
  }
}

}  // namespace

std::string explain(const std::exception& error) {
  std::string message = error.what();
  if (const auto* known = dynamic_cast<const std::system_error*>(&error))
    return message + advice(known->code().value());
  if (const auto* known = dynamic_cast<const boost::system::system_error*>(&error))
    return message + advice(known->code().value());
  if (dynamic_cast<const std::bad_alloc*>(&error)) return message + advice(ENOMEM);
  return explain(std::move(message));
}

// What failed has given its descriptors back by now; none of them takes more than a few.
std::string explain(std::string message) {
  constexpr std::size_t few = 8;
  const auto next = static_cast<std::size_t>(base::next_descriptor());
  const bool few_left = next + few >= base::descriptor_limit();
  return few_left || says_too_many_open(message) ? message + lack_of_descriptors() : message;
}

bool says_too_many_open(std::string_view message) {
  return message.find(std::strerror(EMFILE)) != message.npos;
}

// A client and its upstream connection. Every worker may keep an idle one of these, which no other
// can use; and the control plane opens a few more: what it watches, asks and reads.
std::optional<std::string> lack_of_room(std::size_t own, std::size_t workers) {
  constexpr std::size_t client = 1, few = 4;
  const std::size_t needed = base::least_limit(own + client + workers + few);
  if (base::descriptor_limit() >= needed) return std::nullopt;
  return "no room for a client and an upstream connection" +
         lack_of_descriptors(" to " + std::to_string(needed));
}

}  // namespace canary::run
