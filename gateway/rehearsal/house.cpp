#include "rehearsal/house.hpp"

#include <stdlib.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fstream>
#include <stdexcept>

#include "base/read_file.hpp"
#include "config/load.hpp"
#include "traffic/build_table.hpp"

namespace canary::rehearsal {
namespace {

constexpr auto turn = std::chrono::milliseconds(20);
constexpr int most_turns = 1500;  // half a minute: then the disk or the machine is broken
constexpr std::size_t few_rows = 32, many_rows = 100'000;

base::Result<std::vector<traffic::SocketAddress>> anywhere(const std::string&) {
  return traffic::lookup_numeric({"127.0.0.1", 80});
}

}  // namespace

House::House(const base::ManualClock& clock, VirtualPlane& plane, Receivers& receivers,
             const std::string& file_name)
    : clock_(clock), plane_(plane), receivers_(receivers) {
  auto pattern = (std::filesystem::temp_directory_path() / "canary-rehearsal-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("no temporary directory can be made: " + pattern);
  directory_ = pattern;
  config_path_ = directory_ / (file_name.empty() ? "gateway.yaml" : file_name);
}

House::~House() {
  if (running()) stop(true);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

base::Result<void> House::write_file(const std::string& text) {
  std::ofstream(config_path_, std::ios::binary | std::ios::trunc) << text;
  const auto written = base::read_config_text(config_path_.string());
  if (!written || *written != text) return base::Error("cannot write " + config_path_.string());
  return {};
}

base::Result<void> House::open() {
  const auto directory = directory_ / "state";
  auto state_dir = store::StateDir::open(directory);
  if (!state_dir) return state_dir.error();
  state_dir_.emplace(std::move(*state_dir));
  store::Journal::Options options;
  options.sync = false;
  options.refuse = [this] { return disk_full_.load(); };
  options.first_pause = options.longest_pause = std::chrono::milliseconds(5);
  auto state = store::open_state(*state_dir_, std::move(options));
  if (!state) return state.error();
  state_.emplace(std::move(*state));
  fenced_ = 0;
  news_ = true;
  registry_ = std::make_unique<stats::Registry>(1);
  controller_.emplace(parts());
  controller_->link_to("http://127.0.0.1:9901/internal/status");  // never asked
  return {};
}

control::Parts House::parts() {
  control::Parts parts{.io = io_,
                       .clock = clock_,
                       .state_dir = *state_dir_,
                       .state = *state_,
                       .registry = *registry_,
                       .data_plane = plane_,
                       .config_path = config_path_.string()};
  parts.tick_interval = base::Duration::zero();
  parts.checkpoint_interval = std::chrono::hours(1);
  parts.notifier = &receivers_;
  parts.ask_version = [this](const std::string& model, auto answer) {
    answer_version(model, answer);
  };
  parts.quality = [this](const std::string& model) { return plane_.quality(model); };
  parts.watch_file = false;
  parts.resolve = anywhere;
  return parts;
}

void House::answer_version(const std::string& model,
                           const std::function<void(base::Result<std::string>)>& answer) {
  boost::asio::post(io_, [this, model, answer] {
    if (!running()) return;
    const auto* answers = plane_.answers();
    const std::string* body = answers ? answers->find(model) : nullptr;
    if (body)
      answer(base::Result<std::string>(boost::system::in_place_value, *body));
    else
      answer(base::Error("no answer"));
  });
}

base::Result<void> House::start() {
  const auto text = base::read_config_text(config_path_.string());
  if (!text) return text.error();
  if (auto opened = open(); !opened) return opened;
  const std::string name = config_path_.filename().string();
  control::StartFile file{name, *text, {}, config::load(*text)};
  std::string why = file.loaded.ok() ? "" : file.loaded.errors.front().to_string(name);
  auto started = control::choose_config(file, *state_dir_);
  bool settled = started.has_value();
  if (settled) {
    const auto objections = control::settle_objections(*started, *controller_, *state_dir_, name);
    settled = objections.settled;
    if (why.empty() && !objections.found.empty()) why = objections.found.front();
  }
  if (!settled) {
    stop(true);
    return base::Error(why);
  }
  bool ready = false;
  controller_->start(std::move(*started), [&ready] { ready = true; });
  for (int i = 0; !ready && i < most_turns; ++i) {
    settle();
    if (!ready) io_.run_one_for(turn);
  }
  settle();
  if (!ready) return base::Error("the gateway did not become ready");
  return {};
}

void House::stop(bool killed) {
  if (!killed && controller_) controller_->stop();
  if (controller_ && state_) settle();
  controller_.reset();
  state_.reset();
  state_dir_.reset();
  plane_.reset();
  io_.restart();
  io_.poll();  // what was posted for the controller finds nobody
}

void House::tick() {
  controller_->tick();
  settle();
}

control::Outcome House::command(
    const std::function<void(control::Controller&, control::Done)>& ask) {
  const auto outcome = std::make_shared<std::optional<control::Outcome>>();
  ask(*controller_, [outcome](control::Outcome result) { *outcome = std::move(result); });
  settle();
  for (int i = 0; !*outcome && i < most_turns; ++i) {
    io_.restart();
    io_.run_one_for(turn);
    settle();
  }
  control::Outcome silence;
  silence.status = 504;
  silence.message = "no answer came";
  control::Outcome answered = outcome->value_or(silence);
  // The same words in every rehearsal: without the directory's name, on one line.
  const std::string place = directory_.string() + "/";
  for (std::size_t at; (at = answered.message.find(place)) != std::string::npos;)
    answered.message.erase(at, place.size());
  std::replace(answered.message.begin(), answered.message.end(), '\n', ';');
  return answered;
}

void House::disk_full(bool full) {
  disk_full_ = full;
  if (full || !state_) return;
  // What was refused is written now, in order; the rehearsal goes on when it is.
  for (int i = 0; !journal().healthy() && i < most_turns; ++i) io_.run_one_for(turn / 4);
  settle();
}

/// Until nothing is on its way any more: posted calls, tables, answers of the journal's thread.
void House::settle() {
  for (;;) {
    io_.restart();
    const std::size_t ran = io_.poll();
    const bool applied = plane_.apply();
    const auto settled = receivers_.take_settled();
    for (const auto& [id, receiver] : settled) journal().settle(id, receiver);
    if (journal().submitted() != fenced_)
      fence();
    else if (ran == 0 && !applied)
      return;
  }
}

void House::fence() {
  news_ = true;
  const auto back = std::make_shared<bool>(false);
  journal().perform([] { return base::Result<void>(); },
                    [this, back](const base::Result<void>&) {
                      boost::asio::post(io_, [back] { *back = true; });
                    });
  fenced_ = journal().submitted();
  for (int i = 0; !*back && i < most_turns; ++i) {
    io_.restart();
    io_.run_one_for(turn);
  }
  if (!*back) throw std::runtime_error("the rehearsal's journal does not answer");
}

bool House::has_news() { return std::exchange(news_, false); }

std::vector<store::HistoryRow> House::newest_rows(std::size_t limit) {
  const auto rows = std::make_shared<std::vector<store::HistoryRow>>();
  controller_->history("", limit, [rows](auto result) {
    if (result) *rows = std::move(*result);
  });
  settle();
  return std::move(*rows);
}

std::vector<store::HistoryRow> House::take_rows() {
  auto rows = newest_rows(few_rows);
  if (rows.size() == few_rows && rows.back().id > last_row_ + 1) rows = newest_rows(many_rows);
  news_ = false;
  std::erase_if(rows, [this](const auto& row) { return row.id <= last_row_; });
  std::reverse(rows.begin(), rows.end());
  if (!rows.empty()) last_row_ = rows.back().id;
  return rows;
}

}  // namespace canary::rehearsal
