// Asks for a name again and again, and remembers how to do it cheaply. A name that is not absolute
// costs a DNS query for each address family and each domain of the search list, every time. So the
// absolute name that answered is asked from the second time on, for the families that it had, and
// the whole search only when that name has no answer, and every so often
// (docs/decisions/0090-the-name-that-answered.md).
#pragma once

#include <sys/socket.h>

#include <map>
#include <mutex>
#include <string>

#include "net/name_source.hpp"

namespace canary::net {

/// Any thread; a call blocks for as long as the resolver does. No two threads ask for one name at
/// the same time.
class NameAsker {
 public:
  /// So often is an absolute name asked before the search list is gone through again: a name that
  /// appears in an earlier domain, or an address of the other family, is found then.
  static constexpr unsigned short_questions = 24;

  explicit NameAsker(NameSource source = system_names()) : source_(std::move(source)) {}

  NameAnswer ask(const std::string& host);

 private:
  // What is known of one name.
  struct Known {
    NameAnswer last;          // of the whole search
    std::string absolute;     // with its final dot; empty: none is known
    int family = AF_UNSPEC;   // what the absolute name is asked for
    unsigned questions = 0;   // left until the next whole search
    bool looked_for = false;  // the absolute name, since the last whole search
  };

  NameAnswer ask(const std::string& host, Known& known);
  /// As the resolver does by itself: every domain in turn.
  NameAnswer search(const std::string& host, Known& known);
  /// The first absolute name that answers, if it is one that the whole search could have found.
  NameAnswer find_absolute(const std::string& host, Known& known);
  Known take(const std::string& host);
  void keep(const std::string& host, Known known);

  const NameSource source_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // under mutex
};

}  // namespace canary::net
