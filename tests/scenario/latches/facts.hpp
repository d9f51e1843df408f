// The rules of the latch, written down a second time: what the outside may rely on while files are
// edited, commands given, processes killed and files harmed. Plain data in shared memory, which
// outlasts a gateway that is killed. It knows nothing of rollout/advance and control/rollouts.
//
// Where a kill makes it uncertain whether something happened, the facts become weaker, never wrong:
// `closed` and `seen` are for certain, `highest_written` is all that might have been seen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace canary::scenario {

inline constexpr int model_names = 3, versions = 4;  // m k n; v2 v3 v4 v5
inline constexpr int full = 10000;
inline std::string model_text(int model) { return std::string(1, "mkn"[model]); }
inline std::string version_text(int version) { return "v" + std::to_string(version + 2); }

/// What the file says of one model name.
struct ModelLine {
  bool present = false;
  int canary = -1;  // a version; -1: none
  int weight = 1000;
  int attempt = 1;
  bool plan = false;
  bool operator==(const ModelLine&) const = default;
};
struct File {
  ModelLine model[model_names];
  bool operator==(const File&) const = default;
  int model_of(int version) const {
    for (int m = 0; m < model_names; ++m)
      if (model[m].present && model[m].canary == version) return m;
    return -1;
  }
  std::string text(const std::string& state_dir) const;
};

struct Version {
  bool closed = false;    // its latch is closed, for certain
  bool recorded = false;  // and the database knows
  bool told = true;       // of its last rollback people were told
  bool ladder = false;    // on its way down a ladder, of which people were told
  int home = -1;          // the model that last named it
  int seen = 0;           // the highest attempt, for certain
  int limit = full;       // its weight is not above this while the file stays as it is
};

struct Facts {
  File file;      // on the disk
  File in_force;  // for certain, while `settled`
  bool settled = false;
  bool orderly = true;  // the last life ended so, with everything committed
  Version version[versions];
  int seen[model_names] = {};
  int highest_written = 0;   // attempt, in any file
  bool all_latched = false;  // what the next start must find: memory was lost

  // What was told: the id's hash, and that of its words.
  struct Told {
    std::uint64_t id = 0, words = 0;
    int life = 0, version = -1;
    char begin[160] = {};  // of the words
  };
  static constexpr int told_room = 256;
  Told told[told_room];
  int told_count = 0;
  int life = 0;

  std::uint64_t steps = 0, rollbacks = 0, opened = 0, starts = 0, kills = 0, harms = 0;
  std::size_t trace_size = 0;
  char trace[1 << 16] = {};
  char failure[2048] = {};

  void note(const std::string& line) {
    const std::size_t size = std::min(sizeof trace - 1 - trace_size, line.size() + 1);
    std::memcpy(trace + trace_size, (line + "\n").data(), size);
    trace_size += size;
  }

  /// The version's latch may open by this attempt of the model: nobody has seen one as high.
  bool may_open(int v, int model, int attempt) const {
    return attempt > std::max(version[v].seen, seen[model]);
  }
  /// A file is on its way into force: it may come to that, or not.
  void about_to_adopt(const File& next);
  /// It is in force.
  void adopted(const File& next);
  /// A latch file that lost something, after a kill: what only it knew may be forgotten.
  void latch_file_lost();
  /// Both are lost: nothing is known of what the file does not name.
  void all_lost();
};

}  // namespace canary::scenario
