#include "net/name_source.hpp"

#include <netdb.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/text.hpp"

namespace canary::net {
namespace {

NameAnswer ask_system(const std::string& name, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  NameAnswer answer;
  if (const int failed = ::getaddrinfo(name.c_str(), nullptr, &hints, &found); failed != 0) {
    answer.problem = ::gai_strerror(failed);
    answer.temporary = failed != EAI_NONAME && failed != EAI_NODATA && failed != EAI_ADDRFAMILY;
    return answer;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  if (found->ai_canonname) answer.canonical = base::without_final_dot(found->ai_canonname);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    boost::asio::ip::tcp::endpoint endpoint;
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.resize(each->ai_addrlen);
    answer.addresses.push_back(endpoint.address());
  }
  if (answer.addresses.empty()) answer.problem = "it has no address";
  return answer;
}

// hosts(5): an address, then names, until the end of the line or a '#'.
bool in_hosts_file(const std::string& name) {
  std::ifstream file("/etc/hosts");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;
    while (words >> word)
      if (base::iequals(word, name)) return true;
  }
  return false;
}

// resolv.conf(5), "search" and "ndots"; res_ninit reads LOCALDOMAIN and RES_OPTIONS as well.
std::vector<std::string> expansions(const std::string& name) {
  struct __res_state state {};
  if (::res_ninit(&state) != 0) return {name};
  const std::unique_ptr<struct __res_state, void (*)(res_state)> owner(&state, ::res_nclose);
  const bool first = std::count(name.begin(), name.end(), '.') >= state.ndots;
  std::vector<std::string> names;
  if (first) names.push_back(name);
  for (char* const* domain = state.dnsrch; *domain != nullptr; ++domain) {
    const std::string_view suffix = base::without_final_dot(*domain);
    if (!suffix.empty() && suffix != ".") names.push_back(name + "." + std::string(suffix));
  }
  if (!first) names.push_back(name);
  return names;
}

}  // namespace

NameSource system_names() { return {ask_system, in_hosts_file, expansions}; }

}  // namespace canary::net
