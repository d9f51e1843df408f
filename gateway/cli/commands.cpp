#include "cli/commands.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/json_text.hpp"
#include "base/version.hpp"
#include "cli/question.hpp"
#include "cli/render.hpp"

namespace canary::cli {
namespace {

namespace json = boost::json;

std::string environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

Style style_of(const Terminal& terminal) { return {terminal.colour, terminal.now}; }

}  // namespace

std::string default_admin_url() { return environment(admin_variable, "http://127.0.0.1:9901"); }

std::string default_by() { return environment("USER", "unknown"); }

Terminal process_terminal(base::WallTime now) {
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR", "").empty();
  return {std::cout, std::cerr, colour, now};
}

int run_status(const Options& options, const Terminal& terminal) {
  return show(options, terminal, {"GET", "/internal/status", status_keys},
              [&](const json::value& status) { return render_status(status, style_of(terminal)); });
}

int run_latches(const Options& options, const Terminal& terminal) {
  return show(options, terminal, {"GET", "/internal/latches", {"latches"}},
              [](const json::value& latches) { return render_latches(latches); });
}

int run_report(const ReportOptions& options, const Terminal& terminal) {
  return show(options, terminal, {"GET", "/internal/report/" + escape(options.model), {"markdown"}},
              [](const json::value& report) { return lines(at(report, "markdown")); });
}

int run_history(const HistoryOptions& options, const Terminal& terminal) {
  // A script whose variable is empty does not ask for everything.
  if (options.model_given && options.model.empty())
    return fail(options, terminal, exit_usage, "usage",
                "MODEL is empty: leave it out for every model's history");
  std::string target = "/internal/history?limit=" + std::to_string(options.limit);
  if (!options.model.empty()) target += "&model=" + escape(options.model);
  return show(options, terminal, {"GET", target, {"history"}}, [&](const json::value& history) {
    return render_history(history, style_of(terminal));
  });
}

std::string version_text() {
  return "canary-gateway " + std::string(base::version()) + " (" + std::string(base::commit()) +
         ")";
}

int run_version(bool json_wanted, const Terminal& terminal) {
  if (json_wanted)
    terminal.out << "{\"version\":" << base::json_string(base::version())
                 << ",\"commit\":" << base::json_string(base::commit()) << "}\n";
  else
    terminal.out << version_text() << "\n";
  return exit_ok;
}

}  // namespace canary::cli
