#include "notify/words.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/units.hpp"

namespace canary::notify {
namespace {

using config::EntryKind;
using config::NoticeKind;

struct Words {
  EntryKind decision;
  std::string_view what, to_do;
  std::string_view
      at_zero{};  // what to do when the canary has no traffic, if that is another thing
};

// {model}, {canary}, {stable}, {before}, {after}, {admin} are filled in.
constexpr std::array<Words, 22> decisions{{
    {EntryKind::rung, "{canary} goes down to {after}% of the traffic",
     "Nothing to do; to take it out at once: canary-gateway rollback {model} --reason \"...\"",
     "Find the cause; to try again: canary-gateway resume {model} --reason \"...\""},
    {EntryKind::rung_held, "the gradual rollback of {canary} waits at {after}%",
     "{stable} may not bear the load: look at it first; to take {canary} out all the same: "
     "canary-gateway rollback {model} --reason \"...\""},
    {EntryKind::in_force, "no new request goes to {canary}", "Nothing to do"},
    {EntryKind::drained, "nothing is in flight to {canary} any more", "Nothing to do"},
    {EntryKind::verified, "it is proved that {canary} is out", "Nothing to do"},
    {EntryKind::unverified, "it could not be proved that {canary} is out",
     "Check it: curl {admin}/internal/model-version/{model}"},
    {EntryKind::watch, "{stable} is watched after the rollback of {canary}",
     "Look at {stable} if it fails: it has all the traffic"},
    {EntryKind::watched, "the watch after the rollback of {canary} is over",
     "Find the cause; to try again: canary-gateway resume {model} --reason \"...\"; where the flag "
     "or the file took it to 0%, raise that"},
    {EntryKind::phase, "{canary} goes on to {after}% of the traffic", "Nothing to do"},
    {EntryKind::promote, "{canary} goes on to {after}% of the traffic, by a person",
     "Nothing to do"},
    {EntryKind::complete, "{canary} has completed its plan at {after}%",
     "Name it in the file as stable.version, and take it out of canary"},
    {EntryKind::held, "{canary} is held at {after}%",
     "It goes on by itself when every criterion is good; to go on now: canary-gateway promote "
     "{model} --reason \"...\"; to take it out: canary-gateway rollback {model} --reason \"...\""},
    {EntryKind::gate, "{canary} has succeeded at {after}% and waits for a person",
     "To go on: canary-gateway promote {model} --reason \"...\"; to take it out: canary-gateway "
     "rollback {model} --reason \"...\""},
    {EntryKind::promoted, "{canary} is the stable version now",
     "Keep the old version's servers until a reminder says otherwise"},
    {EntryKind::reminder, "what is left to do after the rollout of {canary}",
     "Do it, and write the lessons down in the model card"},
    {EntryKind::complaint, "a complaint about {canary}, which is no trigger",
     "Look into it; to take the version out: canary-gateway rollback {model} --reason \"...\"",
     "Look into it; {canary} has no traffic"},
    {EntryKind::pause, "the rollout of {canary} is paused at {after}%",
     "No phase ends until: canary-gateway resume {model} --reason \"...\""},
    {EntryKind::resume, "the rollout of {canary} is resumed at {after}%", "Nothing to do",
     "Look at the status: it says what keeps {canary} at 0%"},
    {EntryKind::attempt, "a new attempt of {canary} begins at {after}%", "Nothing to do"},
    {EntryKind::flag, "the flag of {canary} was changed, its weight from {before}% to {after}%",
     "Nothing to do"},
    {EntryKind::file, "the file was changed, the weight of {canary} from {before}% to {after}%",
     "Nothing to do"},
    {EntryKind::plan, "the plan of {canary} was changed, its weight from {before}% to {after}%",
     "Nothing to do"},
}};

std::string_view without_full_stop(std::string_view reason) {
  while (reason.ends_with('.') || reason.ends_with(' ')) reason.remove_suffix(1);
  return reason;
}

// A reason is one line, whatever a person or a server put into it.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

// Where the link's path begins.
std::string admin_of(std::string_view status_url) {
  constexpr std::string_view path = "/internal/status";
  if (status_url.ends_with(path)) status_url.remove_suffix(path.size());
  return std::string(status_url);
}

std::string filled(std::string_view words, const Notice& notice, const std::string& status_url) {
  const std::array<std::pair<std::string_view, std::string>, 6> values{{
      {"{model}", notice.model},
      {"{canary}", notice.canary},
      {"{stable}", notice.stable.empty() ? "the stable version" : notice.stable},
      {"{before}", base::format_number(notice.before)},
      {"{after}", base::format_number(notice.after)},
      {"{admin}", admin_of(status_url)},
  }};
  std::string out;
  while (!words.empty()) {
    const auto value = std::find_if(values.begin(), values.end(), [&](const auto& candidate) {
      return words.starts_with(candidate.first);
    });
    if (value == values.end()) {
      out += words.front();
      words.remove_prefix(1);
    } else {
      out += value->second;
      words.remove_prefix(value->first.size());
    }
  }
  return out;
}

std::string in_its_unit(const std::string& criterion, double value) {
  if (criterion.starts_with("latency")) return base::format_number(value * 1000) + " ms";
  if (criterion == "error_rate" || criterion == "quality_degradation")
    return base::format_number(value * 100) + "%";
  return base::format_number(value);
}

std::string numbers_of(const Notice& notice) {
  std::string out = notice.canary + " went from " + base::format_number(notice.before) + "% to " +
                    base::format_number(notice.after) + "% of the traffic at " +
                    base::format_time(notice.time) + " (" + notice.mode + ", trigger " +
                    notice.trigger;
  // Another trigger than the criterion itself (too little data) rests on no value.
  if (const auto& measured = notice.measured; measured && measured->criterion == notice.trigger) {
    const std::string value = in_its_unit(measured->criterion, measured->value);
    const std::string limit = in_its_unit(measured->criterion, measured->limit);
    out += (value == limit ? ": just over " : ": ") + value + ", limit " + limit + ", " +
           std::to_string(measured->samples) + " samples";
  }
  return out + ").";
}

/// Why it was rolled back, in the words of whoever did it; a person's reason comes first. Of a
/// reason like "flag set to 0% by ann: wrong answers" the first part is what was done.
std::string why(const Notice& notice, std::string_view reason) {
  const bool flag = notice.trigger == "flag", file = notice.trigger == "file";
  if (!flag && !file && notice.trigger != "operator")
    return " due to " + std::string(reason) + ". Investigating.";
  const std::string again = notice.canary + " is not latched: to try again, raise ";
  if (file) return ": " + std::string(reason) + ". " + again + "rollout_percentage in the file.";
  const std::string who =
      " by " + (notice.actor.empty() ? "an unnamed operator" : one_line(notice.actor));
  std::string_view what = reason, because;
  if (const auto end = reason.find(who + ": "); end != std::string_view::npos) {
    what = reason.substr(0, end + who.size());
    because = reason.substr(what.size() + 2);
  }
  if (!flag && what.starts_with("rolled back ")) what.remove_prefix(12);  // said already
  std::string out = because.empty() ? " (" + std::string(what) + ")."
                                    : ": " + std::string(because) + " (" + std::string(what) + ").";
  return out + (flag ? " " + again + "its flag." : " Investigating.");
}

std::string rollback_text(const Notice& notice, std::string_view reason) {
  std::string out = "Rolled back ";
  // Of a model that is gone from the file nobody may know what serves in its place.
  if (notice.stable.empty())
    out.append(short_version(notice.model, notice.canary)).append(" of ").append(notice.model);
  else
    out.append(notice.model).append(" to ").append(short_version(notice.model, notice.stable));
  return out + why(notice, reason) + "\n" + numbers_of(notice);
}

}  // namespace

std::string_view short_version(std::string_view model, std::string_view version) {
  if (!version.starts_with(model)) return version;
  const std::string_view rest = version.substr(model.size());
  if (rest.size() < 2 || std::string_view("_-.").find(rest.front()) == std::string_view::npos)
    return version;
  return rest.substr(1);
}

std::string text_of(const Notice& notice, const std::string& status_url) {
  const std::string line = one_line(notice.reason);
  const std::string_view reason = without_full_stop(line);
  if (notice.kind == NoticeKind::rollback)
    return rollback_text(notice, reason) + " Status: " + status_url;
  const auto known = std::find_if(decisions.begin(), decisions.end(), [&](const Words& candidate) {
    return candidate.decision == notice.decision;
  });
  const Words words = known != decisions.end()
                          ? *known
                          : Words{EntryKind::unknown, "news of {canary}", "Look at the status"};
  std::string out = notice.model + ": " + filled(words.what, notice, status_url);
  if (!reason.empty()) out.append(": ").append(reason);
  const bool no_traffic = notice.after <= 0 && !words.at_zero.empty();
  return out + ". " + filled(no_traffic ? words.at_zero : words.to_do, notice, status_url) +
         ". Status: " + status_url;
}

}  // namespace canary::notify
