#include "cli/render.hpp"

#include <algorithm>
#include <vector>

#include "base/printable.hpp"
#include "base/units.hpp"
#include "cli/text.hpp"

namespace canary::cli {
namespace {

namespace json = boost::json;

const json::array& items(const json::value& value) {
  static const json::array none;
  const auto* array = value.if_array();
  return array ? *array : none;
}

/// A criterion's number in the unit people think in.
std::string measured(const std::string& criterion, const json::value& value) {
  if (!value.is_number()) return "?";
  const double v = number(value);
  if (criterion == "error_rate" || criterion == "quality_degradation")
    return base::format_number(v * 100) + "%";
  if (criterion.starts_with("latency")) return base::format_number(v * 1000) + " ms";
  return base::format_number(v);
}

Colour colour_of_verdict(const std::string& verdict) {
  if (verdict == "success") return Colour::green;
  if (verdict == "inconclusive") return Colour::yellow;
  return Colour::red;
}

Colour colour_of_status(const std::string& status) {
  if (status == "rolled_back" || status == "rolling_back") return Colour::red;
  if (status == "paused" || status == "held" || status == "gate") return Colour::yellow;
  if (status == "running" || status == "complete") return Colour::green;
  return Colour::none;
}

std::string waiting(double messages) {
  return base::format_number(messages, 15) + (messages == 1 ? " message waits" : " messages wait");
}

// What is wrong with the gateway as a whole, in red, before anything else.
std::string alarms(const json::value& status, const Style& style) {
  std::vector<std::string> found;
  if (const auto error = text(at(status, "config", "last_error")); !error.empty())
    found.push_back("the last reload was refused, the configuration before it is in force: " +
                    error);
  const bool fallback = truth(at(status, "config", "fallback"));
  if (const auto held = text(at(status, "config", "held")); !held.empty())
    found.push_back((fallback ? "running on the last accepted configuration; " : "") +
                    ("the changed file is held back: " + held));
  else if (fallback)
    found.push_back("running on the last accepted configuration: the present file is invalid");
  if (!truth(at(status, "durable"), true))
    found.push_back("the last decision is not committed to disk; no weight will be raised");
  if (const auto fault = text(at(status, "latch", "fault")); !fault.empty())
    found.push_back("what is latched is not in the latch file, a crash may forget it: " + fault);
  if (const auto damage = text(at(status, "latch", "last_damage")); !damage.empty())
    found.push_back("the latch file was found damaged since the start: " + damage);
  if (truth(at(status, "latch", "few_slots")))
    found.push_back("few slots are left in the latch file: see `canary-gateway latches`");
  if (truth(at(status, "draining")))
    found.push_back("draining: the gateway is about to stop");
  else if (!truth(at(status, "ready"), true))
    found.push_back("not ready: the routing table is not in force on every worker yet");
  for (const auto& each : items(at(status, "notify")))
    if (const auto error = text(at(each, "last_error")); !error.empty())
      found.push_back(text(at(each, "receiver")) + " is not told (" +
                      waiting(number(at(each, "waiting"))) + "): " + error);
  std::string out;
  for (const auto& alarm : found) out += paint(style.colour, Colour::red, "! " + alarm) + "\n";
  for (const auto& warning : items(at(status, "config", "warnings")))
    out += paint(style.colour, Colour::yellow, "! " + text(warning)) + "\n";
  return out;
}

std::string header(const json::value& status, const Style& style) {
  const auto published = number(at(status, "table", "published"));
  const auto in_force = number(at(status, "table", "in_force"));
  std::string out = "canary-gateway " + text(at(status, "gateway", "version")) + " (" +
                    text(at(status, "gateway", "commit")) + "), table " +
                    base::format_number(in_force, 15) + " in force";
  if (published != in_force) out += ", " + base::format_number(published, 15) + " on its way";
  out += "\nconfiguration " + base::format_number(number(at(status, "config", "generation")), 15) +
         ", loaded " + when(at(status, "config", "loaded_at"), style.now);
  if (const auto path = text(at(status, "config", "path")); !path.empty()) out += ", " + path;
  return out + "\n" + alarms(status, style);
}

std::string version_line(const char* role, const json::value& version, const std::string& share,
                         std::size_t width) {
  return std::string("  ") + left(role, 9) + left(text(at(version, "version")), width) +
         right(share, 8) + right(base::format_number(number(at(version, "in_flight")), 15), 7) +
         " in flight\n";
}

/// Those of the version's endpoints that are not healthy, and why.
std::string endpoint_lines(const json::value& version, const Style& style) {
  const auto& endpoints = items(at(version, "endpoints"));
  std::string out;
  for (const auto& each : endpoints) {
    if (truth(at(each, "healthy"), true)) continue;
    std::string line = "! " + text(at(each, "url"));
    if (const auto address = text(at(each, "address")); !address.empty()) line += " " + address;
    line += " " + text(at(each, "state"));
    if (const auto reason = text(at(each, "reason")); !reason.empty()) line += ": " + reason;
    out += "  " + left("", 9) + paint(style.colour, Colour::yellow, line) + "\n";
  }
  return out;
}

std::string weight_line(const json::value& weight, const Style& style) {
  const std::string limit = text(at(weight, "limited_by"));
  std::string out = "  " + left("weight", 9) +
                    paint(style.colour, Colour::bold, percent(at(weight, "effective"))) +
                    ", limited by " + limit + ":";
  for (const char* term : {"file", "flag", "phase", "cap"}) {
    const std::string shown = std::string(term) + " " + percent(at(weight, term));
    out += "  " + paint(style.colour, term == limit ? Colour::bold : Colour::dim, shown);
  }
  return out + "\n";
}

/// Two criteria may have the same reason: whose it is, unless it begins so.
std::string named(const std::string& criterion, const std::string& reason) {
  std::string spoken = criterion;
  std::replace(spoken.begin(), spoken.end(), '_', ' ');
  return reason.starts_with(spoken) ? reason : criterion + ": " + reason;
}

std::string criteria_table(const json::array& criteria, const Style& style) {
  std::vector<std::vector<std::string>> rows = {
      {"criterion", "verdict", "value", "success", "trigger", "samples"}};
  for (const auto& criterion : criteria) {
    const std::string name = text(at(criterion, "name"));
    const bool empty = number(at(criterion, "samples")) == 0;
    rows.push_back(
        {name, text(at(criterion, "verdict")), empty ? "-" : measured(name, at(criterion, "value")),
         measured(name, at(criterion, "success_limit")), measured(name, at(criterion, "limit")),
         base::format_number(number(at(criterion, "samples")), 15)});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto& row = rows[r];
    std::string line = "  " + left(row[0], widths[0]) + "  ";
    line += paint(style.colour && r > 0, colour_of_verdict(row[1]), left(row[1], widths[1]));
    for (std::size_t i = 2; i < row.size(); ++i) line += "  " + right(row[i], widths[i]);
    out += (r == 0 ? paint(style.colour, Colour::dim, line) : line) + "\n";
  }
  for (const auto& criterion : criteria)
    if (const auto reason = text(at(criterion, "reason")); !reason.empty())
      out += "    " + paint(style.colour, Colour::dim, named(text(at(criterion, "name")), reason)) +
             "\n";
  return out;
}

base::Duration seconds_at(const json::value& value) {
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(std::clamp(number(value), 0.0, 1e9)));
}

std::string phase_line(const json::value& rollout) {
  if (!at(rollout, "phase").is_number()) return {};
  const bool complete = text(at(rollout, "status")) == "complete";
  return "  " + left("phase", 9) + base::format_number(number(at(rollout, "phase")), 15) + " of " +
         base::format_number(number(at(rollout, "phases")), 15) + ": " +
         percent(at(rollout, "percentage")) + " for " +
         age(seconds_at(at(rollout, "hold_seconds"))) +
         (complete ? std::string(", done")
                   : ", " + age(seconds_at(at(rollout, "judged_seconds"))) + " judged, " +
                         age(seconds_at(at(rollout, "left_seconds"))) + " left") +
         "\n";
}

/// How a rollback stands that still goes on: its rung, its proof, its watch.
std::string rollback_lines(const json::value& rollback) {
  if (!rollback.is_object()) return {};
  const auto seconds = [&](const char* name) { return age(seconds_at(at(rollback, name))); };
  std::string out;
  if (at(rollback, "rung").is_number()) {
    out += "  " + left("ladder", 9) + "at " + percent(at(rollback, "rung")) + " of";
    for (const auto& rung : items(at(rollback, "ladder"))) out += " " + percent(rung);
    out += ", " + seconds("rung_spent_seconds") + " of " + seconds("rung_hold_seconds") +
           " on this rung";
    if (truth(at(rollback, "waits_for_stable"))) out += ", waits: stable cannot take more load";
    out += "\n";
  }
  const std::string proof = text(at(rollback, "proof"));
  std::string now;
  if (proof == "publishing") now = "until it is in force on every worker";
  if (proof == "draining") now = "until the canary's last request has ended";
  if (proof == "asking") now = "until /internal/model-version names stable alone";
  if (proof == "watching")
    now = "stable for " + seconds("watched_seconds") + " of " + seconds("watch_seconds") +
          (truth(at(rollback, "stable_failing")) ? ", it is FAILING" : "");
  if (!now.empty())
    out += "  " + left(proof == "watching" ? "watching" : "proving", 9) + now + "\n";
  return out;
}

/// What opens the latch, and where the rollout begins then.
std::string latch_lines(const std::string& model, const json::value& rollout) {
  if (!truth(at(rollout, "latched"))) return {};
  const auto line = [](const std::string& text) { return "  " + left("", 9) + text + "\n"; };
  std::string out =
      "  " + left("latched", 9) + "stays at 0% until:  canary-gateway resume " + model +
      " --reason \"...\"" +
      (truth(at(rollout, "paused")) ? "  (twice: the first one ends the pause)" : "") + "\n";
  if (const json::value& attempt = at(rollout, "attempt"); attempt.is_number())
    out += line("or attempt: " + base::format_number(number(attempt) + 1, 10) + " in the file");
  if (const json::value& phase = at(rollout, "phase"); phase.is_number())
    out += line(
        "it begins again at phase 1 of the plan" +
        (number(phase) == 1 ? " (" + percent(at(rollout, "percentage")) + ")" : std::string()));
  return out;
}

std::string model_block(const json::value& model, const Style& style) {
  const std::string name = text(at(model, "name"));
  std::string out = "\n" + paint(style.colour, Colour::bold, name);
  const std::string stable = text(at(model, "stable", "version"));
  const json::value& canary = at(model, "canary");
  if (!canary.is_object())
    return out + "  no canary\n" +
           version_line("stable", at(model, "stable"), "100%", stable.size()) +
           endpoint_lines(at(model, "stable"), style);
  const json::value& rollout = at(model, "rollout");
  const std::string status = text(at(rollout, "status"));
  out += "  " + paint(style.colour, colour_of_status(status), status);
  if (!text(at(rollout, "since")).empty()) out += " since " + when(at(rollout, "since"), style.now);
  out += "\n";
  if (const auto reason = text(at(rollout, "reason")); !reason.empty())
    out += "  " + left("why", 9) + reason + "\n";
  const double effective = number(at(model, "weight", "effective"));
  const std::size_t width = std::max(stable.size(), text(at(canary, "version")).size());
  out += version_line("stable", at(model, "stable"), base::format_number(100 - effective) + "%",
                      width) +
         endpoint_lines(at(model, "stable"), style);
  out += version_line("canary", canary, base::format_number(effective) + "%", width) +
         endpoint_lines(canary, style);
  out += weight_line(at(model, "weight"), style);
  out += phase_line(rollout);
  out += rollback_lines(at(rollout, "rollback"));
  out += latch_lines(name, rollout);
  if (const auto refusal = text(at(rollout, "last_refusal")); !refusal.empty())
    out += "  " + left("refused", 9) + refusal + "\n";
  if (!truth(at(model, "durable"), true))
    out += paint(style.colour, Colour::red, "  ! in force, but not yet committed to disk") + "\n";
  if (const auto& criteria = items(at(model, "criteria")); !criteria.empty())
    out += criteria_table(criteria, style);
  return out;
}

/// What the history says of it.
std::string decided(const json::value& answer) {
  const std::string message = text(at(answer, "message"));
  return message.empty() ? message : "  " + message + "\n";
}

// A lowering is answered before its commit has come back: that alone is no cause for alarm.
std::string not_durable(const json::value& answer) {
  if (truth(at(answer, "durable"), true)) return {};
  return "in force; its commit to disk is on its way (canary-gateway status tells if it fails)\n";
}

}  // namespace

std::string render_status(const json::value& status, const Style& style) {
  std::string out = header(status, style);
  for (const auto& model : items(at(status, "models"))) out += model_block(model, style);
  return out;
}

std::string render_history(const json::value& history, const Style& style) {
  const auto& rows = items(at(history, "history"));
  if (rows.empty()) return "nothing has been decided yet\n";
  std::size_t kind_width = 0, model_width = 0;
  for (const auto& row : rows) {
    kind_width = std::max(kind_width, text(at(row, "kind")).size());
    model_width = std::max(model_width, text(at(row, "model")).size());
  }
  std::string out;
  for (const auto& row : rows) {
    const std::string kind = text(at(row, "kind"));
    const bool bad = kind == "rollback" || kind == "state_lost" || kind == "unverified";
    std::string time = text(at(row, "time")).substr(0, 19);
    std::replace(time.begin(), time.end(), 'T', ' ');
    out += time + "Z  " + left(text(at(row, "model")), model_width) + "  " +
           paint(style.colour, bad ? Colour::red : Colour::none, left(kind, kind_width)) + "  " +
           right(percent(at(row, "before")), 6) + " -> " + left(percent(at(row, "after")), 6) +
           "  " + text(at(row, "actor")) + ": " + text(at(row, "reason")) + "\n";
  }
  return out;
}

std::string render_acts_on(const json::value& model) {
  if (!at(model, "canary").is_object()) return {};
  const json::value& rollout = at(model, "rollout");
  std::string out = "acts on " + text(at(model, "name")) + ": " +
                    text(at(model, "canary", "version")) + " at " +
                    percent(at(model, "weight", "effective")) + ", " + text(at(rollout, "status"));
  const auto whole = [](const json::value& value) {
    return base::format_number(number(value), 10);
  };
  if (at(rollout, "phase").is_number())
    out += ", phase " + whole(at(rollout, "phase")) + " of " + whole(at(rollout, "phases"));
  if (const auto& rollback = at(rollout, "rollback"); rollback.is_object())
    out += ", rollback number " + whole(at(rollback, "number"));
  const bool rolled_back = text(at(rollout, "status")).starts_with("roll");
  if (truth(at(rollout, "paused")) && rolled_back) out += ", paused";
  return out + "\n";
}

std::string render_forgets(const json::value& latch) {
  if (!latch.is_object()) return {};
  return "forgets " + text(at(latch, "canary")) + " of " + text(at(latch, "model")) +
         ": rollback number " + base::format_number(number(at(latch, "rollbacks")), 10) + ", " +
         text(at(latch, "reason")) + "\n";
}

std::string render_latches(const json::value& latches) {
  const auto& rows = items(at(latches, "latches"));
  if (rows.empty()) return "no version is latched\n";
  std::size_t version_width = 0, model_width = 0;
  for (const auto& row : rows) {
    version_width = std::max(version_width, text(at(row, "canary")).size());
    model_width = std::max(model_width, text(at(row, "model")).size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string since = text(at(row, "since")).substr(0, 19);
    std::replace(since.begin(), since.end(), 'T', ' ');
    out += left(text(at(row, "canary")), version_width) + "  " +
           left(text(at(row, "model")), model_width) + "  since " + since + "Z  " +
           (truth(at(row, "named"), false) ? "in the file      " : "not in the file  ") +
           text(at(row, "reason")) + "\n";
  }
  return out;
}

std::string render_flag(std::string_view version, const json::value& flag) {
  std::string out = base::printable(version) + ": flag " + percent(at(flag, "rollout_percentage")) +
                    ", effective " + percent(at(flag, "effective")) + ", limited by " +
                    text(at(flag, "limited_by")) + "\n";
  return out + decided(flag) + not_durable(flag);
}

std::string render_command(std::string_view done, const json::value& answer) {
  const json::value& weight = at(answer, "weight");
  std::string out = text(at(answer, "model")) + " " + std::string(done) + ": canary at " +
                    percent(at(weight, "effective")) + ", limited by " +
                    text(at(weight, "limited_by")) + "\n";
  return out + decided(answer) + not_durable(answer);
}

}  // namespace canary::cli
