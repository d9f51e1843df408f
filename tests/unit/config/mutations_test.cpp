// Whatever happens to a file, loading it ends with an answer that can be shown.
#include <catch2/catch.hpp>

#include <algorithm>

#include "base/random.hpp"
#include "support/config_properties.hpp"
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
    REQUIRE(config::load_violation(text) == "");
    ++(config::load(text).ok() ? accepted : refused);
  }
  CHECK(accepted > 100);
  CHECK(refused > 500);
}
