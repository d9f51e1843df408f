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
inline constexpr const char* older_copy = "the latch file is an older copy";
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
  /// The file says the same of the version as the other one.
  bool same_of(int version, const File& other) const {
    const int m = model_of(version);
    return m >= 0 && m == other.model_of(version) && model[m] == other.model[m];
  }
  int model_of(int version) const {
    for (int m = 0; m < model_names; ++m)
      if (model[m].present && model[m].canary == version) return m;
    return -1;
  }
  std::string text(const std::string& state_dir) const;
};

struct Version {
  bool closed = false;      // its latch is closed, for certain
  bool recorded = false;    // and the database knows
  bool told = true;         // of its last rollback people were told
  bool ladder = false;      // on its way down a ladder, of which people were told
  int home = -1;            // the model that last named it
  int seen = 0;             // the highest attempt, for certain
  int limit = full;         // its weight is not above this while the file says the same of it
  bool pending = false;     // what the file says of it may not be in force: a raise may come of it
  bool must_latch = false;  // memory was lost: a start that names it finds it latched
};

struct Facts {
  File file;  // on the disk
  File in_force;
  bool starting = false;  // a start has begun, and was killed unless it has ended
  bool orderly = true;    // the last life ended so, with everything committed
  Version version[versions];
  int seen[model_names] = {};
  int highest_written = 0;       // attempt, in any file
  bool latch_file_lost = false;  // something in it, and the database may be behind

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
  /// It is in force; `all`: and nothing of it waits for the disk. What waits teaches no attempt.
  void adopted(const File& next, bool all);
  /// `what` as harm_latch() says it. Only what is noted before a kill counts.
  void latch_file_harmed(const std::string& what) {
    if (what.empty()) return;
    // Rollbacks whose words were in it alone are told in general ones.
    for (int i = 0; i < told_count; ++i) told[i].words = 0;
    if (what == older_copy)
      latch_file_aged();
    else
      latch_file_lost = true;
  }
  /// A latch file of before, after a kill: nothing tells it from the last one, so what only that
  /// one knew is forgotten.
  void latch_file_aged();
  /// A start on the file on the disk. Where the latch file has lost something, what only it knew of
  /// versions that this file does not name is forgotten; what it names begins latched.
  void about_to_start();
  /// Both are lost: nothing is known, so everything that the next start names begins latched.
  void all_lost();
  /// The next start names other versions than one that was killed, which may have latched what it
  /// named and left nothing to do.
  void other_file_after_killed_start(const File& next);
};

}  // namespace canary::scenario
