#include "net/name_asker.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace canary::net {
namespace {

using Addresses = std::vector<boost::asio::ip::address>;

// Names that are no longer in use are forgotten with all others: they cost one search each.
constexpr std::size_t max_known = 1000;

bool share_address(const Addresses& a, const Addresses& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

// The one family that both answers have; AF_UNSPEC: both families are there.
int family_of(const Addresses& a, const Addresses& b) {
  const auto is_v4 = [](const auto& address) { return address.is_v4(); };
  const auto count =
      std::count_if(a.begin(), a.end(), is_v4) + std::count_if(b.begin(), b.end(), is_v4);
  if (count == 0) return AF_INET6;
  return static_cast<std::size_t>(count) == a.size() + b.size() ? AF_INET : AF_UNSPEC;
}

// RFC 6761, 6.3: no question for DNS. Where no hosts file knows it, as in a bare container, a
// question would only wait for servers that are not there.
bool is_localhost(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return base::iequals(last, "localhost");
}

}  // namespace

NameAnswer NameAsker::ask(const std::string& host) {
  Known known = take(host);
  NameAnswer answer = ask(host, known);
  keep(host, std::move(known));
  return answer;
}

NameAnswer NameAsker::ask(const std::string& host, Known& known) {
  // Read each time, as the resolver reads it: an edit of the file counts at once.
  if (std::string bare(base::without_final_dot(host)); source_.in_hosts_file(bare)) {
    known = {};
    return source_.ask(bare, AF_UNSPEC);
  } else if (is_localhost(bare)) {
    return {{boost::asio::ip::address_v4::loopback()}, bare, "", false};
  }
  if (known.questions == 0) return search(host, known);
  --known.questions;
  if (known.absolute.empty()) {
    if (!known.looked_for)
      if (auto answer = find_absolute(host, known); answer.problem.empty()) return answer;
    return search(host, known);
  }
  auto answer = source_.ask(known.absolute, known.family);
  if (answer.problem.empty()) return answer;
  known = {};
  // A name that has gone may have moved to another domain. When no server answers, asking for the
  // other domains as well would only take longer.
  return answer.temporary ? answer : search(host, known);
}

NameAnswer NameAsker::search(const std::string& host, Known& known) {
  auto answer = source_.ask(host, AF_UNSPEC);
  if (!answer.problem.empty())
    known = {};
  else if (known.questions == 0)
    known = {answer, {}, AF_UNSPEC, short_questions, false};
  return answer;
}

NameAnswer NameAsker::find_absolute(const std::string& host, Known& known) {
  const std::string name(base::without_final_dot(host));
  std::vector<std::string> names{name};
  if (name == host) names = source_.expansions(name);
  // The search's canonical name is the name that answered, unless an alias stands between.
  if (const auto& canonical = known.last.canonical; (canonical + ".").starts_with(name + "."))
    names.insert(names.begin(), canonical);
  for (const std::string& each : names) {
    auto answer = source_.ask(each + ".", AF_UNSPEC);
    if (answer.temporary) return answer;
    if (!answer.problem.empty()) continue;
    // Otherwise what the search found is not DNS's: it goes on being asked for as a whole.
    if (!share_address(answer.addresses, known.last.addresses)) break;
    known.absolute = each + ".";
    known.family = family_of(answer.addresses, known.last.addresses);
    return answer;
  }
  known.looked_for = true;
  NameAnswer none;
  none.problem = "no absolute name answers as the search does";
  return none;
}

NameAsker::Known NameAsker::take(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(host);
  return found == known_.end() ? Known{} : found->second;
}

void NameAsker::keep(const std::string& host, Known known) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= max_known && !known_.contains(host)) known_.clear();
  known_[host] = std::move(known);
}

}  // namespace canary::net
