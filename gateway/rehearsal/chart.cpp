#include "rehearsal/chart.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace canary::rehearsal {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t width = 72, most_rows = 10;
constexpr std::size_t labels = 4;  // along the axis, besides 0

using Columns = std::array<char, width>;

std::size_t column_of(base::Duration at, base::Duration length) {
  const double share = static_cast<double>(at.count()) / static_cast<double>(length.count());
  return std::min(width - 1, static_cast<std::size_t>(std::max(share, 0.0) * width));
}

/// To the hour, or to the minute where all of it is short.
std::string label(base::Duration at, base::Duration length) {
  const base::Duration grain = length < 12h ? base::Duration(1min) : base::Duration(1h);
  return short_text(at - at % grain);
}

/// The weights that get a row, the highest first. Too many for that: every tenth per cent.
std::vector<base::BasisPoints> rows_of(const ModelStory& model) {
  std::set<base::BasisPoints> weights{0};
  for (const auto& snapshot : model.snapshots) weights.insert(snapshot.weight);
  if (weights.size() > most_rows) {
    weights.clear();
    for (int row = 0; row <= base::full_weight; row += base::full_weight / 10)
      weights.insert(static_cast<base::BasisPoints>(row));
  }
  return {weights.rbegin(), weights.rend()};
}

std::string axis(const ModelStory& model, const Story& story) {
  std::string marks(width, '-');
  // What weighs more comes later, and stays.
  std::uint32_t phase = 0;
  for (const auto& snapshot : model.snapshots) {
    const bool began = snapshot.phase != phase && snapshot.weight > 0;
    if (began && snapshot.phase > 0 && snapshot.phase < 10)
      marks[column_of(snapshot.at, story.length)] = static_cast<char>('0' + snapshot.phase);
    if (snapshot.weight > 0) phase = snapshot.phase;
  }
  for (const auto& moment : story.moments) {
    if (moment.kind != Moment::Kind::entry || moment.model != model.model) continue;
    if (moment.what == "complete") marks[column_of(moment.at, story.length)] = 'C';
    if (moment.what == "rollback") marks[column_of(moment.at, story.length)] = 'R';
  }
  return marks;
}

std::string times(base::Duration length) {
  std::string line(width + 8, ' ');
  for (std::size_t i = 0; i <= labels; ++i) {
    const std::string text = label(length * static_cast<int>(i) / static_cast<int>(labels), length);
    line.replace(i * width / labels, text.size(), text);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string chart(const ModelStory& model, const Story& story) {
  if (story.length <= base::Duration::zero()) return {};
  const auto rows = rows_of(model);
  std::vector<Columns> drawn(rows.size());
  for (auto& row : drawn) row.fill(' ');
  for (std::size_t i = 0; i < model.snapshots.size(); ++i) {
    const Snapshot& snapshot = model.snapshots[i];
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](auto weight) { return weight <= snapshot.weight; });
    const base::Duration until =
        i + 1 < model.snapshots.size() ? model.snapshots[i + 1].at : story.length;
    const std::size_t first = column_of(snapshot.at, story.length);
    // The column in which it ends belongs to the next one, unless it is the only one.
    const std::size_t last = std::max(column_of(until - base::Duration(1), story.length), first);
    for (std::size_t column = first; column <= last; ++column)
      drawn[static_cast<std::size_t>(row - rows.begin())][column] =
          snapshot.gateway_down ? 'x' : '#';
  }
  std::string out = model.model + ": the canary's weight\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string weight = base::format_percent(rows[i]) + "%";
    std::string line = std::string(7 - std::min<std::size_t>(weight.size(), 7), ' ') + weight +
                       " |" + std::string(drawn[i].data(), width);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  out += "        +" + axis(model, story) + "\n";
  out += "         " + times(story.length) + "\n";
  return out;
}

}  // namespace canary::rehearsal
