#include "admin/views.hpp"

#include <algorithm>

#include "admin/json_writer.hpp"
#include "base/clock.hpp"
#include "base/units.hpp"
#include "base/version.hpp"

namespace canary::admin {
namespace {

using base::percent;

void write_time(JsonWriter& out, std::string_view key, base::WallTime time) {
  out.field_or_null(key, time == base::WallTime{} ? "" : base::format_time(time));
}

void write_weight(JsonWriter& out, const rollout::Weight& weight) {
  out.key("weight").object([&] {
    out.field("file", percent(weight.file)).field("flag", percent(weight.flag));
    out.field("phase", percent(weight.phase)).field("cap", percent(weight.cap));
    out.field("effective", percent(weight.effective));
    out.field("limited_by", name(weight.limited_by));
  });
}

void write_reading(JsonWriter& out, const analysis::Reading& reading) {
  out.object([&] {
    out.field("name", reading.criterion).field("verdict", name(reading.verdict));
    out.field("value", reading.value).field("limit", reading.limit);
    out.field("samples", reading.samples).field("reason", reading.reason);
    out.field("success_limit", reading.success_limit);
  });
}

void write_version(JsonWriter& out, const std::string& model, const std::string& version,
                   const std::vector<control::EndpointView>& endpoints, const InFlight& in_flight) {
  const auto found = in_flight.find({model, version});
  out.object([&] {
    out.field("version", version);
    out.field("in_flight", found == in_flight.end() ? std::uint64_t{0} : found->second);
    out.key("endpoints").array([&] {
      for (const auto& each : endpoints) {
        out.object([&] {
          out.field("url", each.url).field_or_null("address", each.address);
          out.field("healthy", each.state == control::EndpointState::healthy);
          out.field("state", name(each.state)).field_or_null("reason", each.reason);
        });
      }
    });
  });
}

double in_seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// How the present or last rollback stands; null before the first.
void write_rollback(JsonWriter& out, const control::ModelView& model) {
  const rollout::State& state = model.rollout;
  out.key("rollback");
  if (state.rollbacks == 0) {
    out.null();
    return;
  }
  out.object([&] {
    out.field("number", state.rollbacks).field_or_null("trigger", state.trigger);
    out.field("proof", name(state.proof)).key("in_force_seconds");
    if (model.in_force_after)
      out.value(in_seconds(*model.in_force_after));
    else
      out.null();
    out.field("watched_seconds", in_seconds(state.watched));
    out.field("watch_seconds", in_seconds(model.policy.watch));
    out.field("stable_failing", state.watch_failing);
    if (!on_ladder(state)) return;
    out.key("ladder").array([&] {
      for (const auto rung : model.policy.ladder) out.value(percent(rung));
    });
    out.field("rung", percent(state.cap)).field("rung_spent_seconds", in_seconds(state.rung_spent));
    out.field("rung_hold_seconds", in_seconds(model.policy.rung_hold));
    out.field("waits_for_stable", state.rung_waits);
  });
}

void write_rollout(JsonWriter& out, const control::ModelView& model) {
  const rollout::State& state = model.rollout;
  out.key("rollout").object([&] {
    out.field("status", name(state.status)).key("phase");
    if (model.phase)
      out.value(std::uint64_t{model.phase->number});
    else
      out.null();
    out.field("reason", state.reason);
    write_time(out, "since", state.since);
    out.field("latched", state.latched).field("attempt", state.attempt);
    out.field_or_null("last_refusal", model.last_refusal);
    out.field("paused", state.paused);
    write_rollback(out, model);
    out.field("stable_for_seconds", in_seconds(state.stable_for));
    if (!model.phase) return;
    const control::PhaseView& phase = *model.phase;
    out.field("phases", std::uint64_t{phase.count});
    out.field("percentage", percent(phase.percentage));
    out.field("hold_seconds", in_seconds(phase.hold));
    out.field("judged_seconds", in_seconds(phase.judged));
    out.field("left_seconds", in_seconds(phase.hold - std::min(phase.judged, phase.hold)));
    out.field("spent_seconds", in_seconds(phase.spent));
  });
}

void write_model(JsonWriter& out, const control::ModelView& model, const InFlight& in_flight) {
  out.object([&] {
    out.field("name", model.model).key("stable");
    write_version(out, model.model, model.stable, model.stable_endpoints, in_flight);
    out.key("canary");
    if (model.canary)
      write_version(out, model.model, *model.canary, model.canary_endpoints, in_flight);
    else
      out.null();
    write_weight(out, model.weight);
    write_rollout(out, model);
    out.key("criteria").array([&] {
      for (const auto& reading : model.criteria) write_reading(out, reading);
    });
    out.field("durable", model.durable);
  });
}

void write_config(JsonWriter& out, const control::ConfigView& config) {
  out.key("config").object([&] {
    out.field("generation", config.generation);
    write_time(out, "loaded_at", config.loaded_at);
    out.field_or_null("last_error", config.last_error).field_or_null("held", config.held);
    out.field("path", config.path).field("fallback", config.fallback);
    out.key("warnings").array([&] {
      for (const auto& warning : config.warnings) out.value(warning);
    });
  });
}

void write_table(JsonWriter& out, const control::StatusView& status) {
  out.key("table").object([&] {
    out.field("published", status.table_generation).field("in_force", status.in_force_generation);
  });
}

void write_receivers(JsonWriter& out, const std::vector<notify::ReceiverView>& receivers) {
  out.key("notify").array([&] {
    for (const auto& each : receivers) {
      out.object([&] {
        out.field("receiver", each.receiver).field("delivered", each.delivered);
        out.field("failures", each.failures).field("dropped", each.dropped);
        out.field("waiting", each.waiting).field_or_null("last_error", each.last_error);
      });
    }
  });
}

void write_flag_terms(JsonWriter& out, const rollout::Weight& weight) {
  out.field("rollout_percentage", percent(weight.flag));
  out.field("effective", percent(weight.effective));
  out.field("limited_by", name(weight.limited_by));
}

void write_latch(JsonWriter& out, const control::LatchView& latch) {
  out.key("latch").object([&] {
    out.field("slots", std::uint64_t{latch.slots}).field("needed", std::uint64_t{latch.needed});
    out.field("latched", std::uint64_t{latch.latched}).field("few_slots", latch.few);
    out.field("damages", latch.damages).field("last_damage", latch.last_damage);
    out.field("fault", latch.fault);
  });
}

}  // namespace

std::string status_json(const control::StatusView& status, const InFlight& in_flight,
                        const std::vector<notify::ReceiverView>& receivers) {
  JsonWriter out;
  out.object([&] {
    write_config(out, status.config);
    out.key("models").array([&] {
      for (const auto& model : status.models) write_model(out, model, in_flight);
    });
    out.field("ready", status.ready).field("draining", status.draining);
    write_table(out, status);
    out.field("durable", status.state_durable);
    write_latch(out, status.latch);
    write_receivers(out, receivers);
    out.key("gateway").object(
        [&] { out.field("version", base::version()).field("commit", base::commit()); });
  });
  return out.take();
}

std::string flags_json(const control::StatusView& status) {
  JsonWriter out;
  out.object([&] {
    out.key("flags").array([&] {
      for (const auto& model : status.models) {
        if (!model.canary) continue;
        out.object([&] {
          out.field("flag", *model.canary).field("model", model.model);
          write_flag_terms(out, model.weight);
          out.field("set", model.rollout.flag.has_value());
        });
      }
    });
  });
  return out.take();
}

std::string flag_json(const rollout::Weight& weight, bool durable, std::string_view message) {
  JsonWriter out;
  out.object([&] {
    write_flag_terms(out, weight);
    out.field("durable", durable);
    if (!message.empty()) out.field("message", message);
  });
  return out.take();
}

std::string command_json(const std::string& model, const rollout::Weight& weight, bool durable,
                         std::string_view message) {
  JsonWriter out;
  out.object([&] {
    out.field("model", model);
    write_weight(out, weight);
    out.field("durable", durable);
    if (!message.empty()) out.field("message", message);
  });
  return out.take();
}

std::string reload_json(const control::StatusView& status) {
  JsonWriter out;
  out.object([&] { write_config(out, status.config); });
  return out.take();
}

std::string latches_json(const std::vector<control::LatchedView>& latched) {
  JsonWriter out;
  out.object([&] {
    out.key("latches").array([&] {
      for (const auto& latch : latched) {
        out.object([&] {
          out.field("model", latch.model).field("canary", latch.canary);
          out.field("since", base::format_time(latch.since));
          out.field("attempt", std::uint64_t{latch.attempt});
          out.field("rollbacks", std::uint64_t{latch.rollbacks});
          out.field("reason", latch.reason).field("named", latch.named);
        });
      }
    });
  });
  return out.take();
}

std::string forgotten_json(const std::string& version) {
  JsonWriter out;
  out.object([&] { out.field("version", version).field("forgotten", true); });
  return out.take();
}

std::string history_json(const std::vector<store::HistoryRow>& rows) {
  JsonWriter out;
  out.object([&] {
    out.key("history").array([&] {
      for (const auto& row : rows) {
        out.object([&] {
          out.field("id", row.id).field("time", base::format_time(row.time));
          out.field("model", row.model).field("canary", row.canary);
          out.field("generation", row.generation).field("kind", name(row.entry.kind));
          out.field("actor", row.entry.actor).field("reason", row.entry.reason);
          out.field("before", percent(row.entry.before)).field("after", percent(row.entry.after));
          out.key("phase");
          if (row.entry.phase > 0)
            out.value(std::uint64_t{row.entry.phase});
          else
            out.null();
          out.key("reading");
          if (row.entry.reading)
            write_reading(out, *row.entry.reading);
          else
            out.null();
        });
      }
    });
  });
  return out.take();
}

std::string ready_json(const control::StatusView& status) {
  const char* state = status.draining ? "draining" : status.ready ? "ready" : "starting";
  JsonWriter out;
  out.object([&] {
    out.field("ready", status.ready && !status.draining).field("state", state);
    write_table(out, status);
  });
  return out.take();
}

}  // namespace canary::admin
