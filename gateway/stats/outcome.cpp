#include "stats/outcome.hpp"

namespace canary::stats {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::client_error:
      return "client_error";
    case Outcome::overload:
      return "overload";
    case Outcome::server_error:
      return "server_error";
    case Outcome::connect_error:
      return "connect_error";
    case Outcome::reset:
      return "reset";
    case Outcome::truncated:
      return "truncated";
    case Outcome::timeout_connect:
      return "timeout_connect";
    case Outcome::timeout_first_byte:
      return "timeout_first_byte";
    case Outcome::timeout_idle:
      return "timeout_idle";
    case Outcome::timeout_total:
      return "timeout_total";
    case Outcome::inband_error:
      return "inband_error";
    case Outcome::bad_output:
      return "bad_output";
    case Outcome::client_abort:
      return "client_abort";
    case Outcome::gateway_error:
      return "gateway_error";
  }
  return "unknown";
}

bool is_version_error(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
    case Outcome::client_error:
    case Outcome::client_abort:
    case Outcome::gateway_error:
      return false;
    case Outcome::overload:
    case Outcome::server_error:
    case Outcome::connect_error:
    case Outcome::reset:
    case Outcome::truncated:
    case Outcome::timeout_connect:
    case Outcome::timeout_first_byte:
    case Outcome::timeout_idle:
    case Outcome::timeout_total:
    case Outcome::inband_error:
    case Outcome::bad_output:
      return true;
  }
  return false;
}

bool is_evidence(Outcome outcome) {
  return outcome != Outcome::client_error && outcome != Outcome::client_abort &&
         outcome != Outcome::gateway_error;
}

}  // namespace canary::stats
