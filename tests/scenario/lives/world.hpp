// What the outside may rely on, kept beside the gateway and written down a second time: the four
// terms of the weight, the latch, the file. Plain data, so that it can live in shared memory and
// outlast a gateway that is killed. It knows nothing of rollout/advance.
#pragma once

#include <string>

namespace canary::scenario {

inline constexpr int model_count = 2;   // m and n
inline constexpr int canary_count = 2;  // _v2 and _v3
inline constexpr int full = 10000;

/// What one model's part of the file says.
struct ModelSpec {
  bool present = true;
  int canary = 0;  // index of the canary version; -1: none
  int weight = 1000;
  int attempt = 1;
  int slo_ms = 200;
  bool stable_is_v2 = false;
  bool unproven = false;
  bool operator==(const ModelSpec&) const = default;
};
struct FileSpec {
  ModelSpec model[model_count];
  int broken = 0;  // 0: sound; else the way in which it is not
  bool operator==(const FileSpec&) const = default;
};
std::string model_name(int model);
std::string canary_name(int model, int canary);
std::string stable_name(int model, const ModelSpec& spec);
std::string text_of(const FileSpec& file, const std::string& state_dir);

/// What is known of one (model, canary version).
struct Facts {
  bool known = false;
  int flag = -1;  // absent
  bool latched = false;
  int attempt = 0;
  int file = 0;
  bool recorded = false;  // the database has heard of it
  int effective() const;
  /// Without what no status shows. A flag of 100% is an absent one: after kill -9 it may be either.
  Facts as_shown() const;
  std::string text() const;
  bool operator==(const Facts&) const = default;
};

struct World {
  Facts key[model_count][canary_count];
  FileSpec in_force;
  bool fallback = false;  // running on the last accepted file
  FileSpec accepted;      // the last accepted file
  bool has_accepted = false;

  const Facts* configured(int model) const;
  Facts* configured(int model);
  /// The weight that the table must carry; -1 for a model that is not there or has no canary.
  int weight(int model) const;
  /// What /internal/model-version must say of the model.
  std::string answer(int model) const;

  /// The highest attempt that is remembered of the model, with any canary.
  int attempt(int model, int at_least) const;

  bool objects_to(const FileSpec& file) const;
  /// The file taken into force.
  World adopting(const FileSpec& file, bool as_fallback, bool disk_full) const;
};

/// Whether the step must be committed first: the weight rises, or one of its terms does beneath an
/// equal weight.
bool rises(const World& before, const World& after);

}  // namespace canary::scenario
