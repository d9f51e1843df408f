#include <algorithm>
#include <map>
#include <ostream>

#include "rehearsal/chart.hpp"
#include "rehearsal/render.hpp"

namespace canary::rehearsal {
namespace {

constexpr std::size_t time_width = 18, weight_width = 14, status_width = 13;

std::string percent_text(base::BasisPoints weight) { return base::format_percent(weight) + "%"; }

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string trimmed(const std::string& text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

std::string weight_text(const Moment& moment) {
  if (moment.kind != Moment::Kind::entry) return {};
  if (moment.before == moment.after) return percent_text(moment.after);
  return percent_text(moment.before) + " -> " + percent_text(moment.after);
}

/// On one line, without the link; a reason that stands in the line above is not said again, but for
/// a rollback's.
std::string notice_text(const Moment& moment) {
  std::string text = moment.reason.substr(0, moment.reason.rfind(" Status: "));
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::string cause = moment.cause.substr(0, moment.cause.find_last_not_of(". ") + 1);
  const auto at =
      moment.decision == "rollback" || cause.empty() ? std::string::npos : text.find(cause);
  if (at != std::string::npos) text.replace(at, cause.size(), "...");
  return text;
}

std::string what_text(const Moment& moment) {
  switch (moment.kind) {
    case Moment::Kind::event: {
      const bool says_it = moment.what == "change" || moment.reason.starts_with(moment.what);
      return "* " + (says_it ? "" : moment.what + ": ") + moment.reason;
    }
    case Moment::Kind::answer:
      return "! " + moment.what + " refused: " + moment.reason;
    case Moment::Kind::entry: {
      std::string what = moment.what;
      if (!moment.trigger.empty()) what += " (" + moment.trigger + ", " + moment.mode + ")";
      return what + ": " + moment.reason;
    }
    case Moment::Kind::notice:
      return "-> " + moment.what + ": " + notice_text(moment);
  }
  return {};
}

void write_timeline(const Story& story, std::ostream& out) {
  std::size_t model_width = 5;
  for (const auto& model : story.models) model_width = std::max(model_width, model.model.size());
  model_width += 2;
  const auto row = [&](const std::string& time, const std::string& model, const std::string& weight,
                       const std::string& status, const std::string& what) {
    out << padded(time, time_width) << padded(model, model_width) << padded(weight, weight_width)
        << padded(status, status_width) << what << "\n";
  };
  row("time", "model", "weight", "status", "what   (* scenario, ! refused, -> who is told)");
  for (const auto& moment : story.moments) {
    // A notice belongs to the line above it.
    const bool notice = moment.kind == Moment::Kind::notice;
    row(notice ? "" : time_text(moment.at), notice ? "" : moment.model, weight_text(moment),
        moment.kind == Moment::Kind::entry ? moment.status : "", what_text(moment));
  }
}

/// "1 (10%) 7d 00:00:04": how long the rollout was in each phase with the phase's own number.
std::string phases_text(const Story& story, const ModelStory& model) {
  std::map<std::uint32_t, base::Duration> spent;
  std::map<std::uint32_t, base::BasisPoints> highest;
  for (std::size_t i = 0; i < model.snapshots.size(); ++i) {
    const Snapshot& snapshot = model.snapshots[i];
    if (snapshot.phase == 0 || snapshot.weight == 0 || snapshot.status == "complete") continue;
    const base::Duration until =
        i + 1 < model.snapshots.size() ? model.snapshots[i + 1].at : story.length;
    spent[snapshot.phase] += until - snapshot.at;
    highest[snapshot.phase] = std::max(highest[snapshot.phase], snapshot.weight);
  }
  std::string text;
  for (const auto& [phase, time] : spent)
    text += (text.empty() ? "" : ", ") + std::to_string(phase) + " (" +
            percent_text(highest[phase]) + ") for " + trimmed(time_text(time));
  return text.empty() ? "none" : text;
}

std::string rollbacks_text(const Story& story, const ModelStory& model) {
  std::string text;
  std::size_t count = 0;
  for (const auto& moment : story.moments) {
    const bool rollback = moment.kind == Moment::Kind::entry && moment.model == model.model &&
                          (moment.what == "rollback" || !moment.trigger.empty());
    if (!rollback) continue;
    ++count;
    text += (text.empty() ? "" : ", ") + (moment.trigger.empty() ? moment.what : moment.trigger) +
            (moment.mode.empty() ? "" : " " + moment.mode) + " at " + trimmed(time_text(moment.at));
  }
  return count == 0 ? "none" : std::to_string(count) + ": " + text;
}

std::string requests_text(const std::string& version, const Totals& totals) {
  std::string text = version + " " + std::to_string(totals.requests);
  if (totals.errors == 0) return text;
  const double share = static_cast<double>(totals.errors) / static_cast<double>(totals.requests);
  text += " (" + std::to_string(totals.errors) + " errors, " + base::format_number(share * 100, 3) +
          "%";
  if (totals.failovers > 0)
    text += "; " + std::to_string(totals.failovers) + " of them answered by stable";
  return text + ")";
}

void write_model(const Story& story, const ModelStory& model, std::ostream& out) {
  const Snapshot& end = model.snapshots.back();
  base::Duration since = end.at;
  for (auto at = model.snapshots.rbegin(); at != model.snapshots.rend(); ++at) {
    if (at->status != end.status || at->weight != end.weight) break;
    since = at->at;
  }
  out << model.model << ": " << end.status << " at " << percent_text(end.weight) << " since "
      << trimmed(time_text(since)) << "\n";
  out << "  why        " << end.reason << "\n";
  out << "  phases     " << phases_text(story, model) << "\n";
  out << "  rollbacks  " << rollbacks_text(story, model) << "\n";
  std::string requests;
  for (const auto& [version, totals] : model.versions)
    requests += (requests.empty() ? "" : ", ") + requests_text(version, totals);
  out << "  requests   " << (requests.empty() ? "none" : requests) << "\n";
}

void write_notices(const Story& story, std::ostream& out) {
  std::map<std::string, std::size_t> counts;
  for (const auto& moment : story.moments)
    if (moment.kind == Moment::Kind::notice) ++counts[moment.what];
  out << "notices: ";
  if (story.receivers == 0) {
    out << "nobody would be told, the configuration has no `notify`\n";
    return;
  }
  if (counts.empty()) out << "none";
  bool first = true;
  for (const auto& [receiver, count] : counts) {
    out << (first ? "" : ", ") << count << " to " << receiver;
    first = false;
  }
  out << "\n";
}

void write_verdicts(const Story& story, const std::string& file, std::ostream& out) {
  if (story.verdicts.empty()) {
    out << "expected: nothing, the scenario has no `expect`\n";
    return;
  }
  const auto met = std::count_if(story.verdicts.begin(), story.verdicts.end(),
                                 [](const Verdict& verdict) { return verdict.met; });
  out << "expected: " << met << " of " << story.verdicts.size() << " met\n";
  for (const auto& verdict : story.verdicts) {
    if (verdict.met) {
      out << "  met      " << verdict.expected << "\n";
      continue;
    }
    out << "  NOT MET  " << file << ":" << verdict.expectation->place.line << ": "
        << verdict.expected << "\n           instead: " << verdict.instead << "\n";
  }
}

}  // namespace

void write_text(const Story& story, const Titles& titles, std::ostream& out) {
  out << "rehearsal of " << titles.config << " by " << titles.scenario << ", seed " << story.seed
      << "\n";
  if (!titles.title.empty()) out << titles.title << "\n";
  out << "\n";
  write_timeline(story, out);
  out << "\n";
  for (const auto& model : story.models) out << chart(model, story);
  out << "         1 2 3: a phase begins, R: a rollback, C: complete, x: no gateway\n\n";
  for (const auto& model : story.models) write_model(story, model, out);
  if (story.missed > 0)
    out << "unanswered: " << story.missed << " requests came while no gateway was there\n";
  write_notices(story, out);
  write_verdicts(story, titles.scenario, out);
  out << "simulated: " << trimmed(time_text(story.length))
      << (story.ended_early ? ", then nothing more could happen\n" : "\n");
}

}  // namespace canary::rehearsal
