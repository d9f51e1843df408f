#include "tidy/source.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace canary::tidy {
namespace {

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Blanks what is not code. Raw strings and block comments may span lines; digit separators are
// not quotes.
class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text), out_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        blank_until(text_.find('\n', at_));
      } else if (rest.starts_with("/*")) {
        blank_past("*/", at_ + 2);
      } else if (rest.starts_with("R\"") && (at_ == 0 || !is_word(text_[at_ - 1]))) {
        const auto open = text_.find('(', at_);
        const std::string end = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
        blank_past(end, open);
      } else if (rest[0] == '"' || (rest[0] == '\'' && (at_ == 0 || !is_word(text_[at_ - 1])))) {
        blank_literal(rest[0]);
      } else {
        ++at_;
      }
    }
    return out_;
  }

 private:
  void blank_until(std::size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_)
      if (text_[at_] != '\n') out_[at_] = ' ';
  }
  void blank_past(std::string_view mark, std::size_t from) {
    const auto found = text_.find(mark, from);
    blank_until(found == std::string_view::npos ? found : found + mark.size());
  }
  // Leaves the quotes standing.
  void blank_literal(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') out_[at_++] = ' ';
      if (at_ < text_.size() && text_[at_] != '\n') out_[at_] = ' ';
    }
    ++at_;
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
};

}  // namespace

std::string Source::room() const {
  constexpr std::string_view house = "gateway/";
  if (!path.starts_with(house)) return {};
  const auto slash = path.find('/', house.size());
  if (slash == std::string::npos) return "main";
  return path.substr(house.size(), slash - house.size());
}

std::string Source::stem() const { return path.substr(0, path.rfind('.')); }

Source parse_source(std::string path, std::string_view text) {
  return {std::move(path), split_lines(text), split_lines(Blanker(text).run())};
}

std::vector<Source> read_sources(const std::filesystem::path& root, const std::string& folder) {
  std::vector<Source> sources;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
    const auto extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".cpp" && extension != ".hpp")) continue;
    const auto path = std::filesystem::relative(entry.path(), root).generic_string();
    sources.push_back(parse_source(path, read_text(entry.path())));
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace canary::tidy
