// What kinds of entries the history has. Their names are interfaces: the database, the API, notices
// and scenarios use them, so a kind may be added and none renamed.
#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace canary::config {

enum class EntryKind : std::uint8_t {
  // A weight changes, or what limits it.
  rollback,
  resume,
  flag,
  file,
  plan,
  attempt,
  phase,
  promote,
  pause,
  gate,
  held,
  complete,
  promoted,
  // How a rollback goes on.
  rung,
  rung_held,
  in_force,
  drained,
  verified,
  unverified,
  watch,
  watched,
  // The rest.
  reminder,
  complaint,
  refused,
  recovered,
  state_lost,
  moved,
  forget,
  unknown  // read from a database that a later release wrote
};

inline constexpr std::array<std::string_view, 29> entry_kind_names{
    "rollback",   "resume",     "flag",      "file",     "plan",      "attempt",
    "phase",      "promote",    "pause",     "gate",     "held",      "complete",
    "promoted",   "rung",       "rung_held", "in_force", "drained",   "verified",
    "unverified", "watch",      "watched",   "reminder", "complaint", "refused",
    "recovered",  "state_lost", "moved",     "forget",   "unknown"};
static_assert(entry_kind_names.size() == static_cast<std::size_t>(EntryKind::unknown) + 1);

constexpr std::string_view name(EntryKind kind) {
  return entry_kind_names[static_cast<std::size_t>(kind)];
}

/// `unknown` for any other text.
constexpr EntryKind parse_entry_kind(std::string_view text) {
  for (std::size_t i = 0; i < entry_kind_names.size(); ++i)
    if (entry_kind_names[i] == text) return static_cast<EntryKind>(i);
  return EntryKind::unknown;
}

inline std::ostream& operator<<(std::ostream& out, EntryKind kind) { return out << name(kind); }

}  // namespace canary::config
