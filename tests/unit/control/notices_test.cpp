#include "control/notices.hpp"

#include <catch2/catch.hpp>

#include "notify/words.hpp"

namespace canary::control {
namespace {

using config::EntryKind;

std::vector<EntryKind> kinds() {
  std::vector<EntryKind> all;
  for (const auto word : config::entry_kind_names) all.push_back(config::parse_entry_kind(word));
  return all;
}

}  // namespace

TEST_CASE("each kind of entry is read back from its name, any other word is unknown") {
  const auto all = kinds();
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(static_cast<std::size_t>(all[i]) == i);
  CHECK(config::parse_entry_kind("of a later release") == EntryKind::unknown);
  CHECK(config::parse_entry_kind("") == EntryKind::unknown);
}

TEST_CASE("each decision that people are told of has words of its own") {
  int told = 0;
  for (const EntryKind kind : kinds()) {
    CAPTURE(name(kind));
    rollout::Decision decision;
    decision.entry.emplace();
    decision.entry->kind = kind;
    const auto notice = notice_kind(decision);
    if (!notice) continue;
    ++told;
    const auto text = notify::text_of(
        notice_of({"m", "m_v2"}, decision, *notice, "m_v1", "instance", base::WallTime{}), "u");
    CHECK(text.find("news of") == std::string::npos);
  }
  CHECK(told > 20);
}

}  // namespace canary::control
