#include "rehearsal/verdicts.hpp"

#include <algorithm>

namespace canary::rehearsal {
namespace {

using config::Expectation;
using Kind = Expectation::Kind;

std::string percent_text(base::BasisPoints weight) { return base::format_percent(weight) + "%"; }

std::string when(const Expectation& e) {
  std::string text;
  if (e.after) text += " from " + short_text(*e.after);
  if (e.before) text += " until " + short_text(*e.before);
  return text;
}

std::string mode_text(config::RollbackPolicy::Mode mode) {
  return mode == config::RollbackPolicy::Mode::gradual ? "gradual" : "immediate";
}

bool in_time(const Expectation& e, base::Duration at) {
  return (!e.after || at >= *e.after) && (!e.before || at <= *e.before);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A rollback is whatever begins one: also a flag or the file at 0.
bool is_meant(const Expectation& e, const Moment& moment) {
  if (e.kind == Kind::told)
    return moment.kind == Moment::Kind::notice && contains(moment.what, e.entry) &&
           (e.model.empty() || moment.model == e.model);
  if (moment.kind != Moment::Kind::entry || moment.model != e.model) return false;
  return moment.what == e.entry || (e.entry == "rollback" && !moment.trigger.empty());
}

bool matches(const Expectation& e, const Moment& moment) {
  return is_meant(e, moment) && (e.trigger.empty() || moment.trigger == e.trigger) &&
         (!e.mode || moment.mode == mode_text(*e.mode)) && (e.by.empty() || moment.actor == e.by) &&
         (!e.phase || moment.phase == *e.phase) && contains(moment.reason, e.reason) &&
         in_time(e, moment.at);
}

std::string describe(const Expectation& e) {
  std::string text;
  switch (e.kind) {
    case Kind::never:
      text = "never " + e.entry;
      break;
    case Kind::happens:
      text = e.entry;
      break;
    case Kind::told:
      text = e.entry + " is told";
      break;
    case Kind::max_weight:
      return e.model + ": never above " + percent_text(*e.weight) + when(e);
    case Kind::at:
      text = e.at ? "at " + short_text(*e.at) : "at the end";
      if (e.status) text += ", status " + *e.status;
      if (e.weight) text += ", weight " + percent_text(*e.weight);
      if (e.limited_by) text += ", limited by " + *e.limited_by;
      if (e.latched) text += *e.latched ? ", latched" : ", not latched";
      break;
  }
  if (!e.trigger.empty()) text += " by " + e.trigger;
  if (e.mode) text += ", " + mode_text(*e.mode);
  if (!e.by.empty()) text += ", by " + e.by;
  if (e.phase) text += ", phase " + std::to_string(*e.phase);
  if (!e.reason.empty()) text += ", saying '" + e.reason + "'";
  if (e.times) text += ", " + std::to_string(*e.times) + (*e.times == 1 ? " time" : " times");
  return (e.model.empty() ? "" : e.model + ": ") + text + when(e);
}

std::string line(const Moment& moment) {
  std::string text = short_text(moment.at) + " " + moment.what;
  if (!moment.trigger.empty()) text += " (" + moment.trigger + ", " + moment.mode + ")";
  return text + ": " + moment.reason;
}

Verdict judge_moments(const Story& story, const Expectation& e) {
  Verdict verdict;
  std::vector<const Moment*> matching, others;
  for (const auto& moment : story.moments) {
    if (matches(e, moment))
      matching.push_back(&moment);
    else if (is_meant(e, moment))
      others.push_back(&moment);
  }
  if (e.kind == Kind::never) {
    verdict.met = matching.empty();
    if (!verdict.met) verdict.instead = line(*matching.front());
    return verdict;
  }
  verdict.met = e.times ? matching.size() == *e.times : !matching.empty();
  if (verdict.met) return verdict;
  const std::string count = std::to_string(matching.size());
  if (!matching.empty())
    verdict.instead = count + (matching.size() == 1 ? " time" : " times") +
                      ", the last: " + line(*matching.back());
  else if (!others.empty())
    verdict.instead = line(*others.front());
  else if (const auto* model = story.find(e.model))
    verdict.instead = "none; at the end it is " + model->snapshots.back().status + " at " +
                      percent_text(model->snapshots.back().weight) + ": " +
                      model->snapshots.back().reason;
  else
    verdict.instead = "none";
  return verdict;
}

Verdict judge_moment(const Story& story, const Expectation& e) {
  const ModelStory& model = *story.find(e.model);
  if (e.at && *e.at > story.length) {
    Verdict late;
    late.instead = "the rehearsal ended at " + short_text(story.length);
    return late;
  }
  const Snapshot& found = e.at ? model.at(*e.at) : model.snapshots.back();
  Verdict verdict;
  verdict.met =
      (!e.status || found.status == *e.status) && (!e.weight || found.weight == *e.weight) &&
      (!e.phase || found.phase == *e.phase) && (!e.latched || found.latched == *e.latched) &&
      (!e.limited_by || found.limited_by == *e.limited_by) && contains(found.reason, e.reason);
  verdict.instead = found.status + " at " + percent_text(found.weight) + ", limited by " +
                    found.limited_by + (found.latched ? ", latched" : "") + ", phase " +
                    std::to_string(found.phase) + ": " + found.reason;
  if (verdict.met) verdict.instead.clear();
  return verdict;
}

Verdict judge_weight(const Story& story, const Expectation& e) {
  const ModelStory& model = *story.find(e.model);
  Verdict verdict;
  verdict.met = true;
  for (std::size_t i = 0; i < model.snapshots.size(); ++i) {
    const Snapshot& snapshot = model.snapshots[i];
    // It lasts until the next one: also one from before the time counts, if it reaches into it.
    const bool over =
        i + 1 < model.snapshots.size() && e.after && model.snapshots[i + 1].at <= *e.after;
    const bool later = e.before && snapshot.at > *e.before;
    if (over || later || snapshot.weight <= *e.weight) continue;
    verdict.met = false;
    verdict.instead = percent_text(snapshot.weight) + " since " + short_text(snapshot.at);
    break;
  }
  return verdict;
}

}  // namespace

std::vector<Verdict> judge(const Story& story, const std::vector<Expectation>& expected) {
  std::vector<Verdict> verdicts;
  for (const auto& expectation : expected) {
    Verdict verdict;
    switch (expectation.kind) {
      case Kind::happens:
      case Kind::never:
      case Kind::told:
        verdict = judge_moments(story, expectation);
        break;
      case Kind::at:
        verdict = judge_moment(story, expectation);
        break;
      case Kind::max_weight:
        verdict = judge_weight(story, expectation);
        break;
    }
    verdict.expectation = &expectation;
    verdict.expected = describe(expectation);
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace canary::rehearsal
