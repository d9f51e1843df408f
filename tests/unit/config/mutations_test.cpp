// Whatever happens to a file, loading it ends with an answer that can be shown.
#include <catch2/catch.hpp>

#include <algorithm>

#include "base/random.hpp"
#include "unit/config/texts.hpp"

using namespace canary;
using namespace canary::config_test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line + "\n");
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}

// One change: of a byte, or of a line, or of the end.
std::string mutated(const std::string& text, base::Random& random) {
  static const std::string alphabet = "{}[]:,-'\"&*!|>#?%@ \n\t0159aez.~\\<";
  const auto below = [&](std::size_t n) {
    return random.below(static_cast<std::uint32_t>(std::max<std::size_t>(n, 1)));
  };
  std::string out = text;
  auto lines = lines_of(text);
  switch (below(7)) {
    case 0:
      if (!out.empty()) out[below(out.size())] = alphabet[below(alphabet.size())];
      return out;
    case 1:
      return out.insert(below(out.size()), 1, alphabet[below(alphabet.size())]);
    case 2:
      return out.erase(below(out.size()), 1 + below(3));
    case 3:
      if (!out.empty()) out[below(out.size())] = static_cast<char>(below(256));
      return out;
    case 4:
      if (!lines.empty()) lines.erase(lines.begin() + below(lines.size()));
      return joined(lines);
    case 5:
      if (!lines.empty())
        lines.insert(lines.begin() + below(lines.size()), lines[below(lines.size())]);
      return joined(lines);
    default:
      out.resize(below(out.size()));
      return out;
  }
}

bool is_shown_well(const config::Problem& problem, int line_count) {
  const std::string text = problem.to_string("f");
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  const bool placed = problem.line >= 0 && problem.line <= line_count + 1 && problem.column >= 0;
  return printable && placed && !problem.found.empty() && !problem.expected.empty();
}

}  // namespace

TEST_CASE("every mutation of the example is accepted or explained") {
  const std::string example = source_file("config/example.yaml");
  base::Random random(20261123);
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string text = example;
    const std::uint32_t count = 1 + random.below(4);
    for (std::uint32_t i = 0; i < count; ++i) text = mutated(text, random);
    INFO("round " << round << "\n" << text);
    const auto loaded = config::load(text);
    ++(loaded.ok() ? accepted : refused);
    const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    const auto shown = [&](const config::Problem& p) { return is_shown_well(p, lines + 1); };
    REQUIRE(std::all_of(loaded.errors.begin(), loaded.errors.end(), shown));
    REQUIRE(std::all_of(loaded.warnings.begin(), loaded.warnings.end(), shown));
    REQUIRE(std::is_sorted(loaded.errors.begin(), loaded.errors.end(),
                           [](const auto& a, const auto& b) {
                             return std::tie(a.line, a.column) < std::tie(b.line, b.column);
                           }));
    if (loaded.ok()) REQUIRE_FALSE(loaded.config.models.empty());
  }
  CHECK(accepted > 100);
  CHECK(refused > 500);
}
