// Loaded into a process (LD_PRELOAD) where no mount namespace may put other files in the place of
// /etc/resolv.conf and /etc/hosts: getaddrinfo and res_ninit read the files that OWN_RESOLV_CONF
// and OWN_HOSTS name, and so does whoever opens /etc/hosts. As in libc, IPv4 and IPv6 are asked
// for at once. The search list is gone through by libc's own res_nsearch.
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <dlfcn.h>
#include <netdb.h>
#include <resolv.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

const char* own(const char* variable) {
  const char* path = std::getenv(variable);
  return path ? path : "";
}

// The lines of a file as words, without comments.
template <class F>
void for_each_line(const char* path, F&& f) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::vector<std::string> all;
    for (std::string word; words >> word;) all.push_back(word);
    if (all.size() > 1) f(all);
  }
}

void configure(res_state state) {
  static thread_local char domains[256];
  state->nscount = 0;
  state->dnsrch[0] = nullptr;
  for_each_line(own("OWN_RESOLV_CONF"), [&](const std::vector<std::string>& words) {
    if (words[0] == "nameserver") {
      state->nscount = 1;
      state->nsaddr_list[0] = {};
      state->nsaddr_list[0].sin_family = AF_INET;
      state->nsaddr_list[0].sin_port = htons(53);
      inet_pton(AF_INET, words[1].c_str(), &state->nsaddr_list[0].sin_addr);
    } else if (words[0] == "search") {
      std::size_t at = 0;
      for (std::size_t i = 1; i < words.size() && i <= MAXDNSRCH; ++i) {
        state->dnsrch[i - 1] = std::strcpy(domains + at, words[i].c_str());
        state->dnsrch[i] = nullptr;
        at += words[i].size() + 1;
      }
    }
    for (const std::string& word : words) {
      if (word.starts_with("ndots:")) state->ndots = word[6] - '0';
      if (word.starts_with("timeout:")) state->retrans = word[8] - '0';
      if (word.starts_with("attempts:")) state->retry = word[9] - '0';
    }
  });
}

std::vector<std::string> of_hosts_file(const std::string& name) {
  std::vector<std::string> out;
  for_each_line(own("OWN_HOSTS"), [&](const std::vector<std::string>& words) {
    for (std::size_t i = 1; i < words.size(); ++i)
      if (words[i] == name) out.push_back(words[0]);
  });
  return out;
}

struct Answer {
  int failed = EAI_NONAME;  // an EAI code, or 0
  std::vector<std::string> addresses;
};

// The addresses of one family.
Answer of_dns(const char* name, int type) {
  Answer out{EAI_AGAIN, {}};
  struct __res_state state {};
  if (::res_ninit(&state) != 0) return out;
  unsigned char answer[4096];
  const int size = ::res_nsearch(&state, name, ns_c_in, type, answer, sizeof answer);
  if (size < 0 && state.res_h_errno != TRY_AGAIN) out.failed = EAI_NONAME;
  ::res_nclose(&state);
  ns_msg message;
  if (size < 0 || ns_initparse(answer, size, &message) != 0) return out;
  out.failed = 0;
  ns_rr record;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != type) continue;
    char text[INET6_ADDRSTRLEN];
    inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(record), text, sizeof text);
    out.addresses.emplace_back(text);
  }
  return out;
}

// The addresses of the families wanted, IPv4 first. Both are asked at once.
Answer of_dns_both(const char* name, int family) {
  std::future<Answer> v6;
  if (family != AF_INET) v6 = std::async(std::launch::async, of_dns, name, ns_t_aaaa);
  Answer out;
  if (family != AF_INET6) out = of_dns(name, ns_t_a);
  if (!v6.valid()) return out;
  Answer more = v6.get();
  if (more.failed == EAI_AGAIN) out.failed = EAI_AGAIN;
  out.addresses.insert(out.addresses.end(), more.addresses.begin(), more.addresses.end());
  return out;
}

}  // namespace

extern "C" {

int res_ninit(res_state state) {
  const int failed = real<int (*)(res_state)>("__res_ninit")(state);
  if (failed == 0) configure(state);
  return failed;
}

FILE* fopen64(const char* path, const char* mode) {
  const bool hosts = std::strcmp(path, "/etc/hosts") == 0;
  return real<FILE* (*)(const char*, const char*)>("fopen64")(hosts ? own("OWN_HOSTS") : path,
                                                              mode);
}

int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  const auto numeric = real<decltype(&getaddrinfo)>("getaddrinfo");
  addrinfo wanted = hints ? *hints : addrinfo{};
  wanted.ai_flags |= AI_NUMERICHOST;
  if (!name || numeric(name, service, &wanted, found) == 0)
    return numeric(name, service, hints, found);
  std::vector<std::string> texts = of_hosts_file(name);
  if (texts.empty()) {
    Answer asked = of_dns_both(name, wanted.ai_family);
    if (asked.addresses.empty()) return asked.failed == EAI_AGAIN ? EAI_AGAIN : EAI_NONAME;
    texts = std::move(asked.addresses);
  }
  addrinfo** end = found;
  for (const std::string& text : texts) {
    if (numeric(text.c_str(), service, &wanted, end) != 0) continue;
    while (*end) end = &(*end)->ai_next;
  }
  return 0;
}

}  // extern "C"
