// Who may include whom, and which library is seen where.
#include <algorithm>
#include <regex>
#include <sstream>

#include "tidy/rules.hpp"

namespace canary::tidy {
namespace {

struct Include {
  std::size_t line = 0;
  std::string name;
  bool quoted = false;
};

std::vector<Include> includes_of(const Source& source) {
  static const std::regex form(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"].*$)re");
  std::vector<Include> includes;
  for (std::size_t i = 0; i < source.lines.size(); ++i) {
    std::smatch parts;
    if (source.code[i].find('#') == std::string::npos) continue;  // within a comment
    if (std::regex_match(source.lines[i], parts, form))
      includes.push_back({i + 1, parts[2], parts[1] == "\""});
  }
  return includes;
}

struct Fence {
  std::string prefix, library;
  std::set<std::string> rooms;
};

const std::vector<Fence>& fences() {
  static const std::vector<Fence> all{
      {"boost/asio", "Asio", {"net", "control", "rehearsal", "admin", "run"}},
      {"boost/beast", "Beast", {"net", "control", "admin"}},
      {"boost/json", "Boost.JSON", {"admin", "tools", "cli", "control", "notify", "rehearsal"}},
      {"yaml-cpp/", "yaml-cpp", {"config"}},
      {"spdlog/", "spdlog", {"log"}},
      {"fmt/", "fmt", {}},
      {"prometheus/", "prometheus-cpp", {"admin"}},
      {"sqlite3", "SQLite", {"store"}},
      {"CLI/", "CLI11", {"main"}},
      {"catch2/", "Catch2", {}}};
  return all;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Violations& violations) {
  for (const Violation& v : violations) out << v.path << ":" << v.line << ": " << v.what << "\n";
  return out;
}

Rooms parse_rooms(std::string_view cmake) {
  static const std::regex declaration(R"re((?:^|\n)canary_room\(\s*([^)]*)\))re");
  Rooms rooms;
  const std::string text(cmake);
  for (auto at = std::sregex_iterator(text.begin(), text.end(), declaration);
       at != std::sregex_iterator(); ++at) {
    std::istringstream words((*at)[1]);
    std::string room, word;
    words >> room;
    rooms.order.push_back(room);
    auto& uses = rooms.uses[room];
    for (bool using_rooms = false; words >> word;) {
      if (word == "USES" || word == "LIBRARIES")
        using_rooms = word == "USES";
      else if (using_rooms)
        uses.insert(word);
    }
    rooms.line[room] =
        static_cast<std::size_t>(std::count(text.begin(), text.begin() + at->position(1), '\n')) +
        1;
  }
  return rooms;
}

Violations check_rooms(const Rooms& rooms) {
  Violations violations;
  std::set<std::string> below;
  for (const std::string& room : rooms.order) {
    for (const std::string& used : rooms.uses.at(room)) {
      const auto refuse = [&](const std::string& why) {
        violations.push_back({"CMakeLists.txt", rooms.line.at(room), room + " uses " + used + why});
      };
      if (!below.contains(used)) refuse(", which is not declared above it");
      static const std::set<std::string> data_plane{"upstream", "call", "http1", "proxy"};
      if (data_plane.contains(used) && room != "run" && !data_plane.contains(room))
        refuse(": the control plane reaches the data plane through traffic/data_plane");
    }
    below.insert(room);
  }
  return violations;
}

Violations check_includes(const Source& source, const Rooms& rooms) {
  Violations violations;
  const std::string room = source.room();
  if (room.empty()) return violations;
  if (room != "main" && !rooms.uses.contains(room))
    violations.push_back({source.path, 1, "room " + room + " is not declared in CMakeLists.txt"});
  bool first = true;
  for (const Include& include : includes_of(source)) {
    const std::string own = source.stem().substr(source.stem().find('/') + 1) + ".hpp";
    if (include.name == own && !first)
      violations.push_back({source.path, include.line, "its own header is not included first"});
    first = false;
    if (!include.quoted) continue;
    const auto slash = include.name.find('/');
    const std::string other = include.name.substr(0, slash);
    if (slash == std::string::npos || other == "..")
      violations.push_back(
          {source.path, include.line, include.name + " is not included as \"room/file.hpp\""});
    else if (!rooms.uses.contains(other))
      violations.push_back({source.path, include.line, other + " is not a room"});
    else if (room != "main" && rooms.uses.contains(room) && other != room &&
             !rooms.uses.at(room).contains(other))
      violations.push_back({source.path, include.line,
                            room + " may not include " + other + " (CMakeLists.txt, USES)"});
  }
  return violations;
}

Violations check_call(const Source& source) {
  static const std::set<std::string> seen_of_reactor{"reactor/task.hpp", "reactor/loop_time.hpp"};
  static const std::set<std::string> system{"sys/socket.h", "sys/uio.h",    "sys/epoll.h",
                                            "unistd.h",     "netinet/in.h", "netinet/tcp.h",
                                            "poll.h"};
  Violations violations;
  if (source.room() != "call") return violations;
  for (const Include& include : includes_of(source)) {
    const bool reactor = include.name.starts_with("reactor/");
    if ((reactor && !seen_of_reactor.contains(include.name)) || system.contains(include.name))
      violations.push_back({source.path, include.line, "a call sees no socket: " + include.name});
  }
  return violations;
}

Violations check_fences(const Source& source) {
  Violations violations;
  const std::string room = source.room();
  if (room.empty()) return violations;
  for (const Include& include : includes_of(source))
    for (const Fence& fence : fences()) {
      if (!include.name.starts_with(fence.prefix) || fence.rooms.contains(room)) continue;
      violations.push_back(
          {source.path, include.line, fence.library + " is not to be seen in " + room});
    }
  return violations;
}

}  // namespace canary::tidy
