// How long lines, files and functions may be.
#include <algorithm>
#include <regex>

#include "tidy/rules.hpp"

namespace canary::tidy {
namespace {

// Every code point counts as a column.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

Violations check_length(const Source& source, const Exception& found, std::size_t line,
                        std::size_t limit, const std::vector<Exception>& exceptions) {
  const auto exception = std::find_if(exceptions.begin(), exceptions.end(),
                                      [&](const Exception& e) { return e.what == found.what; });
  const bool excepted = exception != exceptions.end();
  const std::size_t allowed = excepted ? exception->lines : limit;
  const std::string name = found.what.substr(found.what.rfind('/') + 1);
  const std::string lines = std::to_string(found.lines) + " lines";
  if (found.lines > allowed)
    return {{source.path, line, name + " has " + lines + ", more than " + std::to_string(allowed)}};
  if (excepted && found.lines < allowed)
    return {{source.path, line, name + " has shrunk to " + lines + ": lower its exception"}};
  return {};
}

std::string without_template(std::string head) {
  static const std::regex start(R"re(^\s*template\s*<)re");
  std::smatch found;
  while (std::regex_search(head, found, start)) {
    std::size_t at = static_cast<std::size_t>(found.length(0)), depth = 1;
    for (; at < head.size() && depth > 0; ++at) {
      if (head[at] == '<') ++depth;
      if (head[at] == '>') --depth;
    }
    head.erase(0, at);
  }
  return head;
}

// `head` outside its parentheses.
std::string outside_parentheses(const std::string& head) {
  std::string out;
  int depth = 0;
  for (const char c : head) {
    if (c == ')') --depth;
    if (depth == 0) out += c;
    if (c == '(') ++depth;
  }
  return out;
}

enum class Scope { outer, function, opaque };

// What a brace opens, from the text between it and the declaration before it.
Scope scope_of(const std::string& full_head) {
  static const std::regex type(R"re(^\s*(namespace|class|struct|union|enum|extern)\b)re");
  const std::string head = without_template(full_head);
  if (std::regex_search(head, type)) return Scope::outer;
  if (head.find("operator") != std::string::npos) return Scope::function;
  if (outside_parentheses(head).find('=') != std::string::npos) return Scope::opaque;
  return head.find('(') == std::string::npos ? Scope::opaque : Scope::function;
}

std::string name_in(const std::string& head) {
  static const std::regex name(R"re(([\w:~]+|operator\s*\S+)\s*\()re");
  std::smatch found;
  const std::string plain = without_template(head);
  return std::regex_search(plain, found, name) ? found[1].str() : "function";
}

// Reads the code brace by brace. Within a function or an initializer it only counts braces.
class FunctionFinder {
 public:
  explicit FunctionFinder(const Source& source) {
    bool directive = false;
    for (const std::string& line : source.code) {
      const auto first = line.find_first_not_of(" \t");
      directive = directive || (first != std::string::npos && line[first] == '#');
      text_ += directive ? std::string(line.size(), ' ') : line;
      text_ += '\n';
      directive = directive && line.ends_with('\\');
    }
  }

  std::vector<Function> run() {
    for (at_ = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (inner_ > 0)
        inside(c);
      else
        outside(c);
    }
    return functions_;
  }

 private:
  void outside(char c) {
    if (c == '{') {
      inner_scope_ = scope_of(head_);
      if (inner_scope_ == Scope::outer)
        head_.clear();
      else
        inner_ = 1;
    } else if (c == '}' || (c == ';' && balanced())) {
      head_.clear();
    } else if (c == ':' && is_access()) {
      head_.clear();
    } else if (!head_.empty() || !std::isspace(static_cast<unsigned char>(c))) {
      if (head_.empty()) head_line_ = line_;
      head_ += c;
    }
  }

  void inside(char c) {
    if (c == '{') ++inner_;
    if (c != '}' || --inner_ > 0) return;
    // `Thing() : a_{1}, b_{2} {`: so far only an initializer.
    const auto next = text_.find_first_not_of(" \t\n", at_ + 1);
    const bool goes_on = next != std::string::npos && (text_[next] == ',' || text_[next] == '{');
    if (goes_on) return;
    if (inner_scope_ == Scope::function)
      functions_.push_back({name_in(head_), head_line_, line_ - head_line_ + 1});
    head_.clear();
  }

  bool balanced() const {
    return std::count(head_.begin(), head_.end(), '(') ==
           std::count(head_.begin(), head_.end(), ')');
  }
  bool is_access() const { return head_ == "public" || head_ == "private" || head_ == "protected"; }

  std::string text_, head_;
  std::size_t at_ = 0, line_ = 1, head_line_ = 1, inner_ = 0;
  Scope inner_scope_ = Scope::outer;
  std::vector<Function> functions_;
};

}  // namespace

Violations check_columns(const Source& source) {
  Violations violations;
  for (std::size_t i = 0; i < source.lines.size(); ++i) {
    const std::size_t wide = columns(source.lines[i]);
    if (wide > max_columns)
      violations.push_back({source.path, i + 1, std::to_string(wide) + " columns"});
  }
  return violations;
}

Violations check_file_length(const Source& source, const std::vector<Exception>& exceptions) {
  const std::size_t lines = source.lines.size();
  return check_length(source, {source.path, lines}, lines, max_file_lines, exceptions);
}

Violations check_function_length(const Source& source, const std::vector<Exception>& exceptions) {
  Violations violations;
  for (const Function& function : functions_of(source))
    for (Violation& v : check_length(source, {source.path + ":" + function.name, function.lines},
                                     function.line, max_function_lines, exceptions))
      violations.push_back(std::move(v));
  return violations;
}

std::vector<Function> functions_of(const Source& source) { return FunctionFinder(source).run(); }

}  // namespace canary::tidy
