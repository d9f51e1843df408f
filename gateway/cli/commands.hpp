// The commands that talk to a running gateway: one HTTP exchange, then text for a person or JSON
// for a program. main reads the command line into these structs; nothing here knows its syntax.
//
// Exit status of every command, also with --json:
//   0  done
//   1  the gateway refused: 401, 404, 409, 503, ... (why is on stderr; with --json on stdout)
//   2  the command line was wrong: a percentage that is none, a missing --reason, no token file
//   3  the gateway could not be reached, or what answered is no gateway
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

#include "base/clock.hpp"

namespace canary::cli {

enum ExitStatus : int { exit_ok = 0, exit_refused = 1, exit_usage = 2, exit_unreachable = 3 };

inline constexpr const char* admin_variable = "CANARY_GATEWAY_ADMIN";
/// $CANARY_GATEWAY_ADMIN, else http://127.0.0.1:9901.
std::string default_admin_url();
/// $USER, else "unknown".
std::string default_by();

/// What every command takes.
struct Options {
  std::string admin = default_admin_url();  // --admin URL
  std::filesystem::path token_file;         // --token-file FILE
  bool json = false;                        // --json: the gateway's answer as it is
};

/// Where the text goes, and what "ago" is measured from.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool colour = false;
  base::WallTime now{};
};
/// Standard output and error; colour when the output is a terminal and NO_COLOR is unset or empty.
Terminal process_terminal(base::WallTime now);

struct SetOptions : Options {
  std::string version;  // MODEL_VERSION, the canary's name
  std::string percent;  // PERCENT: 5, 0.5, 5%
  std::string by = default_by();
  std::string reason;
};

/// resume, rollback, promote, pause MODEL: --reason is required.
struct RolloutOptions : Options {
  std::string model;
  std::string by = default_by();
  std::string reason;
  bool gradual = false;     // rollback: down the ladder instead of to 0 at once
  std::uint32_t phase = 0;  // promote: the one that is meant, measured or not; 0: not said
};

/// forget VERSION: --reason is required.
struct ForgetOptions : Options {
  std::string version;
  std::string by = default_by();
  std::string reason;
};

struct ReportOptions : Options {
  std::string model;
};

struct HistoryOptions : Options {
  std::string model;         // of all, where none is given
  bool model_given = false;  // also an empty one
  unsigned limit = 20;
};

int run_status(const Options& options, const Terminal& terminal);
int run_set(const SetOptions& options, const Terminal& terminal);
int run_resume(const RolloutOptions& options, const Terminal& terminal);
int run_rollback(const RolloutOptions& options, const Terminal& terminal);
int run_promote(const RolloutOptions& options, const Terminal& terminal);
int run_pause(const RolloutOptions& options, const Terminal& terminal);
int run_latches(const Options& options, const Terminal& terminal);
int run_forget(const ForgetOptions& options, const Terminal& terminal);
int run_report(const ReportOptions& options, const Terminal& terminal);
int run_history(const HistoryOptions& options, const Terminal& terminal);
/// `canary-gateway 0.1.0 (abc1234)`
std::string version_text();
/// The binary's own version; asks nobody.
int run_version(bool json, const Terminal& terminal);

}  // namespace canary::cli
