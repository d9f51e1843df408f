// A source file as the tidy rules read it: its lines, and the same lines as code alone, in which
// comments and the contents of literals are blanks, so that columns and line numbers still hold.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace canary::tidy {

struct Source {
  std::string path;  // from the root of the tree: gateway/http/body.hpp
  std::vector<std::string> lines;
  std::vector<std::string> code;

  bool is_header() const { return path.ends_with(".hpp"); }
  /// `http` for gateway/http/body.hpp; `main` for gateway/main.cpp; empty outside gateway/.
  std::string room() const;
  /// gateway/http/body for gateway/http/body.hpp.
  std::string stem() const;
};

Source parse_source(std::string path, std::string_view text);

/// Every .cpp and .hpp below root/folder, sorted by path.
std::vector<Source> read_sources(const std::filesystem::path& root, const std::string& folder);

std::string read_text(const std::filesystem::path& path);

}  // namespace canary::tidy
