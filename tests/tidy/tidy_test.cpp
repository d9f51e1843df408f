// Holds the tree to its rules, and proves on snippets that each rule can fail.
#include <catch2/catch.hpp>
#include <iostream>

#include "support/source_dir.hpp"
#include "tidy/rules.hpp"

using namespace canary::tidy;

namespace {

// What is longer than the limits today: path, or path:function, and its lines. Only ever shorter.
const std::vector<Exception> long_files{};
const std::vector<Exception> long_functions{
    {"gateway/http/own_text.cpp:reason_phrase", 102}};  // a table, written as a switch

const std::filesystem::path root = canary::support::source_dir();

Rooms declared_rooms() { return parse_rooms(read_text(root / "CMakeLists.txt")); }

// Applies a rule to every source of some folders and shows each violation as file:line.
template <class Rule>
void check_tree(std::initializer_list<const char*> folders, Rule rule) {
  Violations all;
  std::size_t files = 0;
  for (const char* folder : folders)
    for (const Source& source : read_sources(root, folder)) {
      ++files;
      for (Violation& v : rule(source)) all.push_back(std::move(v));
    }
  REQUIRE(files > 10);
  std::cout << all;  // not through INFO, which breaks lines and hence paths
  CHECK(all.size() == 0);
}

// The lines of the violations: `{}` when the snippet is clean.
std::vector<std::size_t> lines_of(const Violations& violations) {
  std::vector<std::size_t> lines;
  for (const Violation& v : violations) lines.push_back(v.line);
  return lines;
}
using Lines = std::vector<std::size_t>;

Source snippet(std::string path, std::string_view text) {
  return parse_source(std::move(path), text);
}

std::string lines(std::size_t count, const std::string& line = "x;\n") {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += line;
  return text;
}

}  // namespace

TEST_CASE("the rooms of the build use only rooms below them", "[tidy]") {
  const Rooms rooms = declared_rooms();
  CHECK(rooms.order.size() >= 16);
  std::ostringstream list;
  list << check_rooms(rooms);
  CHECK(list.str() == "");
}

TEST_CASE("each room includes only the rooms it uses, its own header first", "[tidy]") {
  check_tree({"gateway"}, [rooms = declared_rooms()](const Source& source) {
    return check_includes(source, rooms);
  });
}

TEST_CASE("no call sees a socket", "[tidy]") { check_tree({"gateway"}, check_call); }

TEST_CASE("libraries are seen only behind their fences", "[tidy]") {
  check_tree({"gateway"}, check_fences);
}

TEST_CASE("no line is wider than 100 columns", "[tidy]") {
  check_tree({"gateway", "tests"}, check_columns);
}

TEST_CASE("no file of the gateway is longer than 400 lines", "[tidy]") {
  check_tree({"gateway"}, [](const Source& s) { return check_file_length(s, long_files); });
}

TEST_CASE("no function of the gateway is longer than 70 lines", "[tidy]") {
  check_tree({"gateway"}, [](const Source& s) { return check_function_length(s, long_functions); });
}

TEST_CASE("an exception that names nothing any more is taken away", "[tidy]") {
  std::set<std::string> names;
  for (const Source& source : read_sources(root, "gateway")) {
    names.insert(source.path);
    for (const Function& function : functions_of(source))
      names.insert(source.path + ":" + function.name);
  }
  for (const auto* exceptions : {&long_files, &long_functions})
    for (const Exception& exception : *exceptions) {
      CAPTURE(exception.what);
      CHECK(names.contains(exception.what));
    }
}

TEST_CASE("every header says what it is and is included once", "[tidy]") {
  check_tree({"gateway", "tests"}, check_header);
}

TEST_CASE("no condition awaits", "[tidy]") { check_tree({"gateway"}, check_awaits); }

TEST_CASE("time and randomness are arguments", "[tidy]") { check_tree({"gateway"}, check_time); }

TEST_CASE("nothing is marked as unfinished and no header opens a namespace", "[tidy]") {
  check_tree({"gateway", "tests"}, check_words);
}

TEST_CASE("the reader of sources blanks comments and literals and keeps the lines",
          "[tidy][self]") {
  const Source source = snippet("gateway/a/b.cpp",
                                "int a = 1'000; // c {\n"
                                "auto b = \"x{\\\"}\"; /* {\n"
                                "}*/ char c = '\\'';\n"
                                "auto d = R\"x(\n"
                                "{)\"})x\";");
  CHECK(source.code == std::vector<std::string>{"int a = 1'000;       ", "auto b = \"     \";     ",
                                                "    char c = '  ';", "auto d =     ", "       ;"});
  CHECK(source.lines.size() == 5);
  CHECK(source.room() == "a");
  CHECK(snippet("gateway/main.cpp", "").room() == "main");
  CHECK(snippet("tests/unit/a.cpp", "").room().empty());
}

TEST_CASE("the rule of rooms refuses what it must", "[tidy][self]") {
  const Rooms rooms = parse_rooms(
      "# canary_room(no)\ncanary_room(base)\ncanary_room(log USES base LIBRARIES spdlog)\n"
      "canary_room(proxy\n  USES base log\n  LIBRARIES x)\n");
  CHECK(rooms.order == std::vector<std::string>{"base", "log", "proxy"});
  CHECK(rooms.uses.at("log") == std::set<std::string>{"base"});
  CHECK(rooms.uses.at("proxy") == std::set<std::string>{"base", "log"});
  CHECK(check_rooms(rooms).empty());
  CHECK(lines_of(check_rooms(parse_rooms("canary_room(a USES b)\ncanary_room(b)\n"))) == Lines{1});
  CHECK(lines_of(check_rooms(parse_rooms("canary_room(a)\ncanary_room(b USES a b)\n"))) ==
        Lines{2});
  CHECK(lines_of(check_rooms(parse_rooms("canary_room(proxy)\ncanary_room(b USES proxy)\n"))) ==
        Lines{2});

  const auto includes = [&](const std::string& path, const std::string& text) {
    return lines_of(check_includes(snippet(path, text), rooms));
  };
  CHECK(includes("gateway/log/a.cpp", "#include \"log/a.hpp\"\n#include \"base/b.hpp\"\n") ==
        Lines{});
  CHECK(includes("gateway/log/a.cpp", "#include <vector>\n#include \"log/a.hpp\"\n") == Lines{2});
  CHECK(includes("gateway/log/a.cpp", "\n#include \"proxy/b.hpp\"\n") == Lines{2});
  CHECK(includes("gateway/log/a.cpp", "// #include \"proxy/b.hpp\"\n") == Lines{});
  CHECK(includes("gateway/base/a.cpp", "#include \"log/b.hpp\"\n") == Lines{1});
  CHECK(includes("gateway/log/a.cpp", "#include \"b.hpp\"\n") == Lines{1});
  CHECK(includes("gateway/log/a.cpp", "#include \"../base/b.hpp\"\n") == Lines{1});
  CHECK(includes("gateway/log/a.cpp", "#include \"attic/b.hpp\"\n") == Lines{1});
  CHECK(includes("gateway/attic/a.cpp", "int a;\n") == Lines{1});
  CHECK(includes("gateway/main.cpp", "#include \"proxy/a.hpp\"\n") == Lines{});
}

TEST_CASE("the rule of calls refuses what it must", "[tidy][self]") {
  const std::string text =
      "\n#include \"reactor/task.hpp\"\n#include \"reactor/socket.hpp\"\n"
      "#include <string>\n#include <sys/socket.h>\n";
  CHECK(lines_of(check_call(snippet("gateway/call/a.cpp", text))) == Lines{3, 5});
  CHECK(check_call(snippet("gateway/http1/a.cpp", text)).empty());
}

TEST_CASE("the fences refuse what they must", "[tidy][self]") {
  struct Row {
    std::string path, header;
    bool allowed;
  };
  const Row rows[] = {{"gateway/net/a.hpp", "boost/asio.hpp", true},
                      {"gateway/proxy/a.cpp", "boost/asio/post.hpp", false},
                      {"gateway/cli/a.cpp", "boost/asio/post.hpp", false},
                      {"gateway/net/a.hpp", "boost/beast/http.hpp", true},
                      {"gateway/http/a.cpp", "boost/beast/http.hpp", false},
                      {"gateway/http/a.cpp", "boost/asio/buffer.hpp", false},
                      {"gateway/config/a.cpp", "yaml-cpp/yaml.h", true},
                      {"gateway/control/a.cpp", "yaml-cpp/yaml.h", false},
                      {"gateway/log/a.cpp", "spdlog/spdlog.h", true},
                      {"gateway/store/a.cpp", "spdlog/spdlog.h", false},
                      {"gateway/admin/a.cpp", "prometheus/registry.h", true},
                      {"gateway/stats/a.cpp", "prometheus/registry.h", false},
                      {"gateway/store/a.cpp", "sqlite3.h", true},
                      {"gateway/control/a.cpp", "sqlite3.h", false},
                      {"gateway/main.cpp", "CLI/CLI.hpp", true},
                      {"gateway/tools/a.cpp", "CLI/CLI.hpp", false},
                      {"gateway/admin/a.cpp", "boost/json.hpp", true},
                      {"gateway/traffic/a.cpp", "boost/json.hpp", false},
                      {"gateway/base/a.cpp", "boost/system/result.hpp", true}};
  for (const Row& row : rows) {
    CAPTURE(row.path, row.header);
    const Source source = snippet(row.path, "\n#include <" + row.header + ">\n");
    CHECK(lines_of(check_fences(source)) == (row.allowed ? Lines{} : Lines{2}));
  }
}

TEST_CASE("the rules of length refuse what they must", "[tidy][self]") {
  const std::string wide(101, 'x');
  CHECK(lines_of(check_columns(snippet("a.cpp", "\n" + wide + "\n"))) == Lines{2});
  CHECK(check_columns(snippet("a.cpp", wide.substr(1))).empty());
  std::string letters;
  for (int i = 0; i < 100; ++i) letters += "\xC3\xA4";
  CHECK(check_columns(snippet("a.cpp", letters)).empty());

  const Source full = snippet("a.cpp", lines(400)), long_file = snippet("a.cpp", lines(410));
  CHECK(check_file_length(full, {}).empty());
  CHECK(check_file_length(long_file, {}).size() == 1);
  CHECK(check_file_length(long_file, {{"a.cpp", 410}}).empty());
  CHECK(check_file_length(long_file, {{"a.cpp", 409}}).size() == 1);
  CHECK(check_file_length(long_file, {{"a.cpp", 411}}).size() == 1);  // lower the exception
  CHECK(check_file_length(full, {{"a.cpp", 410}}).size() == 1);       // take it away
}

TEST_CASE("functions are found by their braces", "[tidy][self]") {
  struct Row {
    std::string head;
    std::string name;  // empty: not a function
  };
  const Row rows[] = {{"void f() {", "f"},
                      {"static int X::f(int a = 1) const noexcept {", "X::f"},
                      {"template <class T = X<int>>\nT g(T t) {", "g"},
                      {"X::X(int a) : a_{a}, b_(2), c_{3} {", "X::X"},
                      {"X::~X() {", "X::~X"},
                      {"bool X::operator==(const X& o) const {", "operator=="},
                      {"auto h() -> std::vector<int> {", "h"},
                      {"struct alignas(64) S {", ""},
                      {"template <class F>\nclass S : public T<F> {", ""},
                      {"namespace a::b {", ""},
                      {"constexpr int a[] = {", ""},
                      {"const std::vector<int> a{", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.head);
    const Source source = snippet("a.cpp", "int before;\n" + row.head + "\n" + lines(75) + "}\n");
    const auto found = functions_of(source);
    CHECK(check_function_length(source, {}).size() == (row.name.empty() ? 0 : 1));
    REQUIRE(found.size() == (row.name.empty() ? 0 : 1));
    if (row.name.empty()) continue;
    CHECK(found[0].name == row.name);
    CHECK(found[0].line == 2);
  }
}

TEST_CASE("a function counts from its declaration to its closing brace", "[tidy][self]") {
  const std::string body = "  if (a) {\n    x;\n  }\n";
  const std::string text =
      "namespace n {\nclass C {\n public:\n  C() = default;\n  int f(int a,\n"
      "        int b) {\n" +
      body + "  }\n  int g_ = 0;\n};\n}\n";
  const auto found = functions_of(snippet("a.cpp", text));
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "f");
  CHECK(found[0].line == 5);
  CHECK(found[0].lines == 6);
  const Source at_limit = snippet("a.cpp", "void f() {\n" + lines(68) + "}\nvoid g() {}\n");
  CHECK(check_function_length(at_limit, {}).empty());
  const Source over = snippet("a.cpp", "void f() {\n" + lines(69) + "}\nvoid g() {}\n");
  CHECK(lines_of(check_function_length(over, {})) == Lines{1});
  CHECK(check_function_length(over, {{"a.cpp:f", 71}}).empty());
  CHECK(check_function_length(at_limit, {{"a.cpp:f", 71}}).size() == 1);
}

TEST_CASE("the rule of headers refuses what it must", "[tidy][self]") {
  CHECK(check_header(snippet("a.hpp", "// A thing.\n#pragma once\n")).empty());
  CHECK(check_header(snippet("a.hpp", "#pragma once\n")).size() == 1);
  CHECK(check_header(snippet("a.hpp", "// A thing.\n// #pragma once\n")).size() == 1);
  CHECK(check_header(snippet("a.hpp", "")).size() == 2);
  CHECK(check_header(snippet("a.cpp", "int a;\n")).empty());
}

TEST_CASE("the rule of conditions refuses what it must", "[tidy][self]") {
  const auto awaits = [](const std::string& text) {
    return lines_of(check_awaits(snippet("gateway/proxy/a.cpp", text)));
  };
  CHECK(awaits("\nif (co_await f()) x;\n") == Lines{2});
  CHECK(awaits("while (!(co_await f(g(1))).ok) x;\n") == Lines{1});
  CHECK(awaits("for (;\n     co_await f();) x;\n") == Lines{1});
  CHECK(awaits("if (auto r = co_await f(); r) x;\n") == Lines{1});
  CHECK(awaits("} else if (a &&\n  co_await f()) x;\n") == Lines{1});
  CHECK(awaits("if (a) co_await f();\nconst auto r = co_await g();\nif (r) x;\n") == Lines{});
  CHECK(awaits("notify(co_await f());\n// if (co_await f())\n") == Lines{});
}

TEST_CASE("the rule of time refuses what it must", "[tidy][self]") {
  struct Row {
    std::string path, text;
    bool allowed;
  };
  const Row rows[] = {
      {"gateway/rollout/a.cpp", "auto t = std::chrono::steady_clock::now();", false},
      {"gateway/proxy/a.cpp", "auto t = system_clock :: now();", false},
      {"gateway/proxy/a.cpp", "clock_gettime(CLOCK_MONOTONIC, &t);", false},
      {"gateway/store/a.cpp", "std::time(nullptr);", false},
      {"gateway/control/a.cpp", "base::SystemClock().wall();", false},
      {"gateway/traffic/a.cpp", "std::random_device d;", false},
      {"gateway/traffic/a.cpp", "std::mt19937_64 d;", false},
      {"gateway/base/clock.hpp", "steady_clock::now();", true},
      {"gateway/base/units.cpp", "steady_clock::now();", false},
      {"gateway/reactor/a.cpp", "steady_clock::now();", true},
      {"gateway/net/a.cpp", "steady_clock::now();", true},
      {"gateway/main.cpp", "system_clock::now();", false},
      {"gateway/log/a.cpp", "base::SystemClock().wall();", true},
      {"gateway/rollout/a.cpp", "// steady_clock::now()", true},
      {"gateway/rollout/a.cpp", "clock.now(); reactor.now();", true}};
  for (const Row& row : rows) {
    CAPTURE(row.path, row.text);
    const auto found = lines_of(check_time(snippet(row.path, "\n" + row.text + "\n")));
    CHECK(found == (row.allowed ? Lines{} : Lines{2}));
  }
}

TEST_CASE("the rule of words refuses what it must", "[tidy][self]") {
  const auto words = [](const std::string& path, const std::string& text) {
    return lines_of(check_words(snippet(path, text)));
  };
  CHECK(words("a.cpp",
              "\n// TO"
              "DO: later\n") == Lines{2});
  CHECK(words("a.cpp",
              "int a;  // FIX"
              "ME\n") == Lines{1});
  CHECK(words("a.cpp", "using namespace std;\n") == Lines{});
  CHECK(words("a.hpp", "\nusing namespace std;\n") == Lines{2});
  CHECK(words("a.hpp", "// not using namespace here\n") == Lines{});
  CHECK(words("gateway/config/config.hpp", "using namespace std::chrono_literals;\n") == Lines{});
  CHECK(words("gateway/config/config.hpp", "using namespace std;\n") == Lines{1});
  CHECK(words("gateway/base/a.hpp", "using namespace std::chrono_literals;\n") == Lines{1});
}
