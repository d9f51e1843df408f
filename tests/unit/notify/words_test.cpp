#include "notify/words.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "unit/notify/notices.hpp"

using namespace canary;
using namespace canary::notify;
using namespace canary::notify_test;
using config::NoticeKind;

TEST_CASE("a rollback is told in the runbook's words, then with numbers and the link") {
  CHECK(text_of(rollback_notice(), status_url) ==
        "Rolled back comp-critic to v1 due to error rate 0.933% > 0.5% (9 of 965 requests in 10s). "
        "Investigating.\n"
        "comp-critic_v2 went from 10% to 0% of the traffic at 2023-11-14T22:13:20.042Z (immediate, "
        "trigger error_rate: 0.933%, limit 0.5%, 965 samples). "
        "Status: http://127.0.0.1:9901/internal/status");
}

TEST_CASE("a rollback by a person, down the ladder, has no measurement") {
  Notice notice = rollback_notice();
  notice.stable = "other-name";
  notice.actor = "alice";
  notice.reason = "rolled back by alice: looks odd.";
  notice.trigger = "operator";
  notice.mode = "gradual";
  notice.before = 50;
  notice.after = 25;
  notice.measured.reset();
  CHECK(text_of(notice, "https://gw.example.com/internal/status") ==
        "Rolled back comp-critic to other-name: looks odd (by alice). Investigating.\n"
        "comp-critic_v2 went from 50% to 25% of the traffic at 2023-11-14T22:13:20.042Z (gradual, "
        "trigger operator). Status: https://gw.example.com/internal/status");
}

TEST_CASE("a rollback by hand says who did it and why, and whether something is latched") {
  const struct {
    const char *trigger, *actor, *reason, *text;
  } rows[] = {
      {"operator", "ann", "rolled back by ann: wrong answers",
       ": wrong answers (by ann). Investigating."},
      {"operator", "ann", "rolled back by ann", " (by ann). Investigating."},
      {"operator", "", "rolled back by an unnamed operator: 5: bad",
       ": 5: bad (by an unnamed operator). Investigating."},
      {"flag", "ann", "flag set to 0% by ann: wrong answers",
       ": wrong answers (flag set to 0% by ann). comp-critic_v2 is not latched: to try again, "
       "raise its flag."},
      {"flag", "ann", "flag set to 0% by ann",
       " (flag set to 0% by ann). comp-critic_v2 is not latched: to try again, raise its flag."},
      {"file", "gateway", "rollout_percentage 20% -> 0% in the file",
       ": rollout_percentage 20% -> 0% in the file. comp-critic_v2 is not latched: to try again, "
       "raise rollout_percentage in the file."},
      {"critical_bug", "ann", "critical bug reported by ann: wrong answers",
       " due to critical bug reported by ann: wrong answers. Investigating."},
  };
  for (const auto& row : rows) {
    Notice notice = rollback_notice();
    notice.trigger = row.trigger;
    notice.actor = row.actor;
    notice.reason = row.reason;
    const std::string text = text_of(notice, "");
    CHECK(text.substr(0, text.find('\n')) ==
          "Rolled back comp-critic to v1" + std::string(row.text));
  }
}

TEST_CASE("a measurement is told in the unit people think in") {
  Notice notice = rollback_notice();
  const auto measured = [&notice](const char* criterion, double value, double limit,
                                  std::uint64_t samples) {
    notice.trigger = criterion;
    notice.measured = {criterion, value, limit, samples};
  };
  measured("latency_p95", 0.3214, 0.3, 1000);
  CHECK(text_of(notice, "").find(": 321.4 ms, limit 300 ms, 1000 samples)") != std::string::npos);
  // Its slow requests still wait: that they are slower than the limit is all that is known.
  measured("latency_p95", std::nextafter(0.3, 1), 0.3, 20);
  CHECK(text_of(notice, "").find(": just over 300 ms, limit 300 ms, 20") != std::string::npos);
  measured("quality_degradation", 0.2, 0.15, 10);
  CHECK(text_of(notice, "").find(": 20%, limit 15%, 10 samples)") != std::string::npos);
  measured("something", 7, 5, 1);
  CHECK(text_of(notice, "").find(": 7, limit 5, 1 samples)") != std::string::npos);
  // What was measured did not decide.
  notice.trigger = "insufficient_data";
  CHECK(text_of(notice, "").find("trigger insufficient_data).") != std::string::npos);
}

TEST_CASE("the stable version is named without the model's name and separator in front") {
  const struct {
    const char *model, *version, *shown;
  } rows[] = {
      {"comp-critic", "comp-critic_v1", "v1"},
      {"comp-critic", "comp-critic-v1", "v1"},
      {"comp-critic", "comp-critic.v1", "v1"},
      {"comp-critic", "other-name", "other-name"},
      {"comp", "comp-critic_v1", "critic_v1"},
      {"m", "m", "m"},
      {"m", "m_", "m_"},
      {"m", "mv1", "mv1"},
  };
  for (const auto& row : rows) CHECK(short_version(row.model, row.version) == row.shown);
}

TEST_CASE("a rollback of which nobody knows the stable version does not name one") {
  Notice notice = rollback_notice();
  notice.stable.clear();
  CHECK(
      text_of(notice, status_url).starts_with("Rolled back v2 of comp-critic due to error rate "));
  notice.kind = NoticeKind::step;
  notice.decision = config::EntryKind::watch;
  CHECK_THAT(text_of(notice, status_url), Catch::Contains("the stable version is watched"));
}

TEST_CASE("every other decision is one line that says what to do") {
  const struct {
    NoticeKind kind;
    const char *decision, *text;
  } rows[] = {
      {NoticeKind::step, "rung",
       "m: v2 goes down to 25% of the traffic: why. Nothing to do; to take it out at once: "
       "canary-gateway rollback m --reason \"...\". Status: u/internal/status"},
      {NoticeKind::step, "rung_held",
       "m: the gradual rollback of v2 waits at 25%: why. v1 may not bear the load: look at it "
       "first; to take v2 out all the same: canary-gateway rollback m --reason \"...\". Status: "
       "u/internal/status"},
      {NoticeKind::step, "in_force",
       "m: no new request goes to v2: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::step, "drained",
       "m: nothing is in flight to v2 any more: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::step, "verified",
       "m: it is proved that v2 is out: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::step, "unverified",
       "m: it could not be proved that v2 is out: why. Check it: curl "
       "u/internal/model-version/m. Status: u/internal/status"},
      {NoticeKind::step, "watch",
       "m: v1 is watched after the rollback of v2: why. Look at v1 if it fails: it has all the "
       "traffic. Status: u/internal/status"},
      {NoticeKind::step, "watched",
       "m: the watch after the rollback of v2 is over: why. Find the cause; to try again: "
       "canary-gateway resume m --reason \"...\"; where the flag or the file took it to 0%, raise "
       "that. Status: u/internal/status"},
      {NoticeKind::phase, "phase",
       "m: v2 goes on to 25% of the traffic: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::phase, "promote",
       "m: v2 goes on to 25% of the traffic, by a person: why. Nothing to do. Status: "
       "u/internal/status"},
      {NoticeKind::phase, "complete",
       "m: v2 has completed its plan at 25%: why. Name it in the file as stable.version, and take "
       "it out of canary. Status: u/internal/status"},
      {NoticeKind::hold, "held",
       "m: v2 is held at 25%: why. It goes on by itself when every criterion is good; to go on "
       "now: canary-gateway promote m --reason \"...\"; to take it out: canary-gateway rollback m "
       "--reason \"...\". Status: u/internal/status"},
      {NoticeKind::hold, "gate",
       "m: v2 has succeeded at 25% and waits for a person: why. To go on: canary-gateway promote m "
       "--reason \"...\"; to take it out: canary-gateway rollback m --reason \"...\". Status: "
       "u/internal/status"},
      {NoticeKind::promoted, "promoted",
       "m: v2 is the stable version now: why. Keep the old version's servers until a reminder says "
       "otherwise. Status: u/internal/status"},
      {NoticeKind::reminder, "reminder",
       "m: what is left to do after the rollout of v2: why. Do it, and write the lessons down in "
       "the model card. Status: u/internal/status"},
      {NoticeKind::complaint, "complaint",
       "m: a complaint about v2, which is no trigger: why. Look into it; to take the version out: "
       "canary-gateway rollback m --reason \"...\". Status: u/internal/status"},
      {NoticeKind::command, "pause",
       "m: the rollout of v2 is paused at 25%: why. No phase ends until: canary-gateway resume m "
       "--reason \"...\". Status: u/internal/status"},
      {NoticeKind::command, "resume",
       "m: the rollout of v2 is resumed at 25%: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::command, "attempt",
       "m: a new attempt of v2 begins at 25%: why. Nothing to do. Status: u/internal/status"},
      {NoticeKind::command, "flag",
       "m: the flag of v2 was changed, its weight from 50% to 25%: why. Nothing to do. Status: "
       "u/internal/status"},
      {NoticeKind::command, "file",
       "m: the file was changed, the weight of v2 from 50% to 25%: why. Nothing to do. Status: "
       "u/internal/status"},
      {NoticeKind::command, "plan",
       "m: the plan of v2 was changed, its weight from 50% to 25%: why. Nothing to do. Status: "
       "u/internal/status"},
      {NoticeKind::command, "something_new",
       "m: news of v2: why. Look at the status. Status: u/internal/status"},
  };
  for (const auto& row : rows) {
    Notice notice = notice_of(row.kind, row.decision, "why.");
    notice.model = "m";
    notice.stable = "v1";
    notice.canary = "v2";
    CHECK(text_of(notice, "u/internal/status") == row.text);
  }
}

TEST_CASE("what to do is something that works in the state it is said in") {
  const auto at_zero = [](NoticeKind kind, const char* decision) {
    Notice notice = notice_of(kind, decision, "why");
    notice.after = 0;
    return text_of(notice, "");
  };
  // Latched by then: there is nothing left to roll back.
  CHECK(at_zero(NoticeKind::step, "rung").find("canary-gateway resume") != std::string::npos);
  CHECK(at_zero(NoticeKind::complaint, "complaint").find("canary-gateway") == std::string::npos);
  CHECK(at_zero(NoticeKind::command, "resume").find("Look at the status") != std::string::npos);
}

TEST_CASE("a reason of several lines is told in one") {
  const Notice notice = notice_of(NoticeKind::complaint, "complaint", "by bob: a\nb\tc\x01");
  CHECK(text_of(notice, "").find("by bob: a b c. Look") != std::string::npos);
}

TEST_CASE("what a person wrote is not taken for a placeholder") {
  const Notice notice = notice_of(NoticeKind::complaint, "complaint", "see {model} {after}");
  CHECK(text_of(notice, "").find("see {model} {after}. ") != std::string::npos);
}
