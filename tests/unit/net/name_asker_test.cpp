#include "net/name_asker.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace canary;
using boost::asio::ip::make_address;

namespace {

const std::string name = "model.prod", there = "model.prod.svc.cluster";

// A host in a pod: names of less than five dots are tried in each domain first. Counts what its
// resolver asks DNS for: each absolute name, each family.
class Pod {
 public:
  std::map<std::string, std::vector<std::string>> dns{{there, {"10.0.0.1"}}};
  std::map<std::string, std::string> aliases;
  std::map<std::string, std::string> hosts;
  std::map<std::string, std::string> elsewhere;  // what another nsswitch module knows
  bool down = false;
  int queries = 0;

  net::NameSource source() {
    net::NameSource out;
    out.ask = [this](const std::string& asked, int family) { return ask(asked, family); };
    out.in_hosts_file = [this](const std::string& asked) { return hosts.contains(asked); };
    out.expansions = [this](const std::string& asked) { return expand(asked); };
    return out;
  }

  std::vector<std::string> expand(const std::string& asked) const {
    return {asked + ".default.svc.cluster", asked + ".svc.cluster", asked + ".cluster", asked};
  }

 private:
  net::NameAnswer ask(const std::string& asked, int family) {
    if (hosts.contains(asked)) return {{make_address(hosts[asked])}, asked, "", false};
    if (asked.ends_with('.')) return query(asked.substr(0, asked.size() - 1), family);
    if (elsewhere.contains(asked)) return {{make_address(elsewhere[asked])}, asked, "", false};
    net::NameAnswer answer;
    for (const auto& absolute : expand(asked)) {
      answer = query(absolute, family);
      if (answer.problem.empty() || answer.temporary) return answer;
    }
    return answer;
  }

  net::NameAnswer query(const std::string& absolute, int family) {
    queries += family == AF_UNSPEC ? 2 : 1;
    if (down) return {{}, "", "no answer", true};
    const bool alias = aliases.contains(absolute);
    const std::string canonical = alias ? aliases[absolute] : absolute;
    net::NameAnswer answer{{}, canonical, "", false};
    for (const auto& text : dns[canonical]) {
      const auto address = make_address(text);
      if (family == AF_UNSPEC || address.is_v4() == (family == AF_INET))
        answer.addresses.push_back(address);
    }
    if (answer.addresses.empty()) return {{}, "", "unknown", false};
    return answer;
  }
};

struct Asked {
  Pod pod;
  net::NameAsker asker{pod.source()};

  // The addresses as text, or the problem.
  std::set<std::string> operator()(const std::string& host = name) {
    const auto answer = asker.ask(host);
    std::set<std::string> out;
    for (const auto& address : answer.addresses) out.insert(address.to_string());
    if (!answer.problem.empty()) out.insert(answer.problem);
    return out;
  }
  int cost(const std::string& host = name) {
    const int before = pod.queries;
    (*this)(host);
    return pod.queries - before;
  }
};

using Texts = std::set<std::string>;

}  // namespace

TEST_CASE("the name that answered is asked from then on, for the family that it had") {
  Asked asked;
  CHECK(asked.cost() == 4);  // the search, up to the domain that has it
  CHECK(asked.cost() == 2);  // its name
  for (unsigned i = 1; i < net::NameAsker::short_questions; ++i) CHECK(asked.cost() == 1);
  CHECK(asked.cost() == 4);  // the search again, for what may have changed in front of it
  CHECK(asked.cost() == 2);
  CHECK(asked() == Texts{"10.0.0.1"});
}

TEST_CASE("a name with both families is asked for both, and for one that appears in time") {
  Asked asked;
  asked.pod.dns[there] = {"10.0.0.1", "fd00::1"};
  asked();
  asked();
  CHECK(asked.cost() == 2);
  CHECK(asked() == Texts{"10.0.0.1", "fd00::1"});
  asked.pod.dns[there] = {"fd00::2"};
  CHECK(asked() == Texts{"fd00::2"});

  Asked later;
  later();
  later();
  later.pod.dns[there] = {"10.0.0.1", "fd00::1"};
  for (unsigned i = 1; i < net::NameAsker::short_questions; ++i) CHECK(later.cost() == 1);
  CHECK(later() == Texts{"10.0.0.1", "fd00::1"});

  Asked changed;  // no address of the family that it had: asked as a whole at once
  changed();
  changed();
  changed.pod.dns[there] = {"fd00::1"};
  CHECK(changed() == Texts{"fd00::1"});
}

TEST_CASE("a name that moves to another domain is found by the same question") {
  Asked asked;
  asked();
  asked();
  asked.pod.dns.erase(there);
  asked.pod.dns[name] = {"10.0.0.9"};
  CHECK(asked() == Texts{"10.0.0.9"});
  CHECK(asked.cost() == 2);
  CHECK(asked.cost() == 1);
  asked.pod.dns.clear();
  CHECK(asked() == Texts{"unknown"});
  CHECK(asked() == Texts{"unknown"});
  asked.pod.dns[there] = {"10.0.0.2"};
  CHECK(asked() == Texts{"10.0.0.2"});
}

TEST_CASE("a name that appears in an earlier domain is found after so many questions") {
  Asked asked;
  asked();
  asked.pod.dns["model.prod.default.svc.cluster"] = {"10.0.0.7"};
  unsigned questions = 1;
  while (asked() != Texts{"10.0.0.7"}) REQUIRE(++questions <= net::NameAsker::short_questions + 1);
}

TEST_CASE("while no server answers, other domains are not asked as well") {
  Asked asked;
  asked();
  asked();
  asked.pod.down = true;
  CHECK(asked.cost() == 1);
  CHECK(asked() == Texts{"no answer"});
  asked.pod.down = false;
  CHECK(asked() == Texts{"10.0.0.1"});
}

TEST_CASE("an alias keeps its own name") {
  Asked asked;
  asked.pod.aliases[there] = "db.example";
  asked.pod.dns = {{"db.example", {"10.0.0.3"}}};
  asked();
  CHECK(asked.cost() == 4);  // the canonical name says nothing: each expansion in turn
  CHECK(asked.cost() == 1);
  asked.pod.aliases[there] = "other.example";
  asked.pod.dns["other.example"] = {"10.0.0.4"};
  CHECK(asked() == Texts{"10.0.0.4"});
}

TEST_CASE("a name of the hosts file costs no query, with its dot or without, from the next on") {
  Asked asked;
  asked();
  asked();
  asked.pod.hosts[name] = "10.0.0.8";
  CHECK(asked() == Texts{"10.0.0.8"});
  CHECK(asked(name + ".") == Texts{"10.0.0.8"});
  CHECK(asked.cost() == 0);
  asked.pod.hosts.clear();
  CHECK(asked() == Texts{"10.0.0.1"});
}

TEST_CASE("localhost is this host without a question, unless the hosts file says which address") {
  Asked asked;
  for (const auto* host : {"localhost", "LocalHost.", "model.localhost"})
    CHECK(asked(host) == Texts{"127.0.0.1"});
  CHECK(asked("localhost.example") == Texts{"unknown"});
  asked.pod.hosts["localhost"] = "::1";
  CHECK(asked("localhost") == Texts{"::1"});
  CHECK(asked.cost("localhost") == 0);
}

TEST_CASE("what another source of names says is asked for there") {
  Asked asked;
  asked.pod.elsewhere[name] = "10.0.0.6";
  for (int i = 0; i < 5; ++i) CHECK(asked() == Texts{"10.0.0.6"});
  CHECK(asked.cost() == 0);
}

TEST_CASE("an absolute name is asked as it stands") {
  Asked asked;
  CHECK(asked(there + ".") == Texts{"10.0.0.1"});
  CHECK(asked.cost(there + ".") == 2);
  CHECK(asked.cost(there + ".") == 1);
  CHECK(asked(name + ".") == Texts{"unknown"});
  CHECK(asked.cost(name + ".") == 2);
}

TEST_CASE("names without end take no memory without end, and each is learned") {
  Asked asked;
  for (int i = 0; i < 3000; ++i) {
    const std::string each = "n" + std::to_string(i);
    asked.pod.dns[each + ".svc.cluster"] = {"10.0.0.1"};
    CHECK(asked(each) == Texts{"10.0.0.1"});
  }
  asked("n2999");
  CHECK(asked.cost("n2999") == 1);
}
