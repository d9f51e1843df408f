#include "admin/command_keys.hpp"

#include <algorithm>
#include <utility>

#include "admin/answer.hpp"
#include "admin/digest.hpp"
#include "base/text.hpp"

namespace canary::admin {
namespace {

/// What was decided stays decided; after anything else the command may be tried anew.
bool is_final(int status) { return status == 200 || status == 409 || status == 422; }

std::string fingerprint_of(const net::HttpRequest& request) {
  return digest(request.method + ' ' + request.path + '?' + request.query + '\n' + request.body);
}

net::HttpResponse replayed(int status, const std::string& body) {
  net::HttpResponse response;
  response.status = status;
  response.body = body;
  response.headers.emplace_back("Idempotency-Replayed", "true");
  return response;
}

}  // namespace

struct CommandKeys::Book {
  CommandMemory memory;
  std::map<std::string, Known> known;
  std::deque<std::string> order;  // the oldest first
  std::size_t bytes = 0;

  void add(const std::string& key, Known entry) {
    bytes += entry.body.size();
    if (known.insert_or_assign(key, std::move(entry)).second) order.push_back(key);
  }
  void erase(const std::string& key) {
    const auto found = known.find(key);
    if (found == known.end()) return;
    bytes -= found->second.body.size();
    known.erase(found);
    order.erase(std::find(order.begin(), order.end(), key));
    memory.forget(key);
  }
  bool is_full() const { return known.size() > store::command_capacity || bytes > max_bytes; }
  void make_room(base::MonoTime now) {
    while (!order.empty()) {
      const Known& oldest = known.at(order.front());
      if (oldest.under_way || (!is_full() && now - oldest.since < keep_for)) return;
      erase(std::string(order.front()));
    }
  }
  void answered(const std::string& key, const net::HttpResponse& response) {
    const auto found = known.find(key);
    if (found == known.end()) return;
    if (!is_final(response.status)) return erase(key);
    Known& entry = found->second;
    entry.under_way = false;
    entry.status = response.status;
    entry.body = response.body;
    bytes += entry.body.size();
    memory.remember({key, entry.fingerprint, entry.status, entry.body});
    make_room(memory.now());
  }
};

CommandKeys::CommandKeys(CommandMemory memory) : book_(std::make_shared<Book>()) {
  const base::MonoTime now = memory.now();
  // How long the gateway was down nobody knows for certain: they begin to age now.
  for (auto& row : std::exchange(memory.known, {}))
    book_->add(row.key, {row.fingerprint, row.status, row.body, false, now});
  book_->memory = std::move(memory);
}

void CommandKeys::handle(const net::HttpRequest& request, net::Respond respond,
                         const std::function<void(net::Respond)>& run) {
  std::vector<std::string_view> keys;
  for (const auto& [name, value] : request.headers)
    if (base::iequals(name, "idempotency-key")) keys.push_back(base::trim(value));
  if (keys.empty()) return run(std::move(respond));
  const std::string key(keys.front());
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (keys.size() > 1 || key.empty() || key.size() > max_key || !printable)
    return respond(failure(400, "bad_request",
                           "Idempotency-Key: expected one, of 1 to 255 printable characters"));
  Book& book = *book_;
  book.make_room(book.memory.now());
  const std::string fingerprint = fingerprint_of(request);
  const auto found = book.known.find(key);
  if (found == book.known.end()) {
    book.add(key, {fingerprint, 0, {}, true, book.memory.now()});
    book.memory.remember({key, fingerprint, 0, {}});
    return run(follow(key, std::move(respond)));
  }
  const Known& entry = found->second;
  if (entry.fingerprint != fingerprint)
    return respond(failure(422, "key_reused",
                           "this Idempotency-Key belongs to another command: take a new one"));
  if (entry.under_way) {
    auto response = failure(409, "in_progress", "the command with this key is still under way");
    response.headers.emplace_back("Retry-After", "1");
    return respond(std::move(response));
  }
  if (entry.status == 0)
    return respond(failure(409, "interrupted",
                           "the gateway stopped while it performed this command; whether it took "
                           "effect, the status says: look, then send it with a new key"));
  respond(replayed(entry.status, entry.body));
}

/// A command whose answer never comes stays in the book: whether it took effect is not known.
net::Respond CommandKeys::follow(const std::string& key, net::Respond respond) {
  struct Flight {
    std::shared_ptr<Book> book;
    std::string key;
    bool landed = false;
    ~Flight() {
      if (landed) return;
      const auto found = book->known.find(key);
      if (found != book->known.end()) found->second.under_way = false;
    }
  };
  auto flight = std::make_shared<Flight>();
  flight->book = book_;
  flight->key = key;
  return [flight, respond = std::move(respond)](net::HttpResponse response) {
    if (!std::exchange(flight->landed, true)) flight->book->answered(flight->key, response);
    respond(std::move(response));
  };
}

}  // namespace canary::admin
