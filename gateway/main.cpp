#include <csignal>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <condition_variable>
#include <deque>
#include <sstream>

#include "base/version.hpp"
#include "config/load.hpp"
#include "log/log.hpp"
#include "proxy/worker_pool.hpp"
#include "traffic/build_table.hpp"

using namespace canary;

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::ifstream file(argv[3]);
  std::stringstream text;
  text << file.rdbuf();
  const auto loaded = config::load(text.str());
  for (const auto& problem : loaded.errors) std::fprintf(stderr, "%s\n", problem.to_string(argv[3]).c_str());
  if (!loaded.ok()) return 2;
  stats::Registry registry(1);
  traffic::EndpointIds ids;
  std::mutex m; std::condition_variable cv; std::deque<std::function<void()>> calls;
  proxy::WorkerPool pool(1, nullptr, [&](auto f) { std::lock_guard l(m); calls.push_back(f); cv.notify_all(); });
  const auto r = pool.listen(loaded.config.data.listen, false);
  if (!r) { std::fprintf(stderr, "%s\n", r.error().message().c_str()); return 1; }
  std::map<std::string, base::BasisPoints> weights;
  for (const auto& model : loaded.config.models) if (model.canary) weights[model.name] = model.canary->rollout_percentage;
  auto table = traffic::build_table(loaded.config, weights, traffic::lookup_numeric, ids, registry, 1);
  pool.publish(table, [&] { pool.announce(traffic::render_model_version(*table)); });
  for (const auto& a : pool.bound()) log::info("listening", {{"listener", "data"}, {"address", a.to_string()}});
  for (;;) { std::unique_lock l(m); cv.wait(l, [&]{return !calls.empty();}); auto f = calls.front(); calls.pop_front(); l.unlock(); f(); }
}
