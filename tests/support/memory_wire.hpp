// A wire without a socket, for calls: a client and model servers that hold their bytes in memory
// and a clock that moves when told. It shares nothing with HTTP/1 but the heads' types.
#pragma once

#include <cerrno>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "call/call.hpp"
#include "support/recorded.hpp"
#include "traffic/build_table.hpp"

namespace canary::test {

/// A body's bytes at the end of one side.
struct MemoryBody final : call::BodySource {
  std::string bytes;
  bool over = false;    // no more will come
  bool broken = false;  // its sender broke off
};

/// Where a body goes.
struct MemorySink {
  std::string bytes;
  std::size_t room = SIZE_MAX;  // how much it takes before it blocks
  bool broken = false, over = false;
};

class MemoryTransfer final : public call::Transfer {
 public:
  MemoryTransfer(MemoryBody& from, MemorySink& to, std::uint64_t limit = UINT64_MAX)
      : from_(from), to_(to), limit_(limit) {}
  Progress step() override {
    if (to_.broken) {
      error_ = EPIPE;
      return Progress::sink_failed;
    }
    const std::size_t count = std::min(from_.bytes.size(), to_.room);
    if (observer_ && count > 0) observer_->see(std::string_view(from_.bytes).substr(0, count));
    to_.bytes.append(from_.bytes, 0, count);
    from_.bytes.erase(0, count);
    to_.room -= count;
    moved_ += count;
    body_ += count;
    if (body_ > limit_) return Progress::too_large;
    if (!from_.bytes.empty()) return Progress::want_output;
    if (from_.broken) return Progress::source_failed;
    return from_.over ? Progress::done : Progress::want_input;
  }
  std::uint64_t body_bytes() const override { return body_; }
  void pass_on_end() override { to_.over = true; }

 private:
  MemoryBody& from_;
  MemorySink& to_;
  std::uint64_t limit_, body_ = 0;
};

class MemoryClient;

/// One stream to a model server; the test plays the server.
class MemoryStream final : public call::UpstreamStream {
 public:
  explicit MemoryStream(std::uint16_t port, int connects) : port(port), connects(connects) {}

  // The server's side
  void says(std::uint16_t status, std::string_view type = {}) {
    http::ResponseHead head;
    head.status = status;
    head.content_type = type;
    head.framing = http::Framing::chunked;
    heads.push_back(head);
  }
  void answers(std::uint16_t status, std::string_view body) {
    says(status);
    out.bytes = body;
    out.over = true;
  }
  void serves_next() { reused_ = true; }

  // The call's side
  Connecting connecting(base::MonoTime) override {
    using Phase = Connecting::Phase;
    if (connects == EINPROGRESS) return {.phase = Phase::under_way};
    return {.phase = Phase::over, .error = connects};
  }
  call::Sent ask(const http::RequestHead& head, const http::ForwardedRequest& forwarded,
                 call::BodySource& body, Body) override {
    asked = std::string(head.method) + " " + std::string(head.target);
    host = forwarded.host;
    auto& from = static_cast<MemoryBody&>(body);
    upload.emplace(from, in, body_limit);
    if (!from.over || from.bytes.size() > in.room) return {0, &*upload};
    const std::size_t size = from.bytes.size();
    upload->step();
    return {size, nullptr};
  }
  Answer answer() override {
    using What = Answer::What;
    if (!heads.empty()) {
      head = heads.front();
      heads.pop_front();
      answered = answered || head.status >= 200;
      return {.what = What::head, .head = &head};
    }
    if (unasked) return {.what = What::unasked};
    if (!bad.empty()) return {.what = What::bad, .message = bad};
    if (out.broken || out.over) return {.what = What::broke_off, .error = broken_by};
    return {};
  }
  Fate fate(int) const override { return became; }
  call::BodySource& body() override { return out; }
  call::Transfer& tunnel(call::BodySource& from) override {
    return upload.emplace(static_cast<MemoryBody&>(from), in);
  }
  void abort() override { aborted = true; }
  bool look() override { return false; }
  void give_back(const Reuse&) override { given_back = true; }
  void discard() override { discarded = true; }

  std::uint16_t port;
  int connects;  // 0, EINPROGRESS for as long as it is, or why not
  std::string asked, host, bad;
  std::deque<http::ResponseHead> heads;
  http::ResponseHead head;
  MemorySink in;   // the request's body
  MemoryBody out;  // the answer's
  std::optional<MemoryTransfer> upload;
  std::uint64_t body_limit = UINT64_MAX;
  Fate became = Fate::maybe_begun;
  int broken_by = 0;
  bool unasked = false, answered = false, aborted = false, given_back = false, discarded = false;
};

/// The client's stream; the test plays the client, and says what connecting comes to.
class MemoryClient final : public call::ClientStream {
 public:
  MemoryClient(call::Context& context, const std::string& request, std::string body, bool over)
      : call::ClientStream(peer_of_all(), context.now()), context_(context), text_(request) {
    refusal_ = parsed_.parse(text_, {});
    head_ = &parsed_;
    in.bytes = std::move(body);
    in.over = over;
  }

  // The test's side
  using Connects = std::map<std::uint16_t, int>;
  Connects connects;                // by port; 0 where nothing is said
  std::list<MemoryStream> streams;  // in the order they were made
  MemoryStream* idle = nullptr;     // the next one that take() gives
  MemoryBody in;                    // the request's body
  MemorySink out;                   // the answer's
  std::uint16_t status = 0;
  std::string code, model_version;  // of an answer of the gateway's own; of any
  std::vector<int> interims;
  bool finished = false, aborted = false, left = false;
  call::Upload upload_at_end = call::Upload::none;

  bool parked() const { return static_cast<bool>(handle_); }
  bool waits_for_reply() const { return parked() && what_ == Pause::For::reply; }
  void resume(call::Woken why) {
    woken_ = why;
    std::exchange(handle_, {}).resume();
  }
  /// Something has come; or, at or behind its deadline, nothing has.
  void event() { resume(call::Woken::event); }
  void tick() {
    if (record_) record_->check_age(context_.now());
    if (parked() && context_.now() >= deadline_) resume(call::Woken::expired);
  }
  base::MonoTime deadline() const { return deadline_; }

  // The call's side
  const http::Refusal& refusal() const override { return refusal_; }
  std::uint16_t local_port() const override { return 8080; }
  bool whole() const override { return in.over; }
  call::BodySource& body() override {
    kept_ = in.bytes;
    return in;
  }
  void replay() override { in.bytes = kept_; }
  call::UpstreamLease take(traffic::EndpointId) override {
    return call::UpstreamLease(std::exchange(idle, nullptr));
  }
  call::UpstreamLease connect(const traffic::Endpoint& endpoint, int& error) override {
    const auto port = static_cast<std::uint16_t>(
        std::stoi(endpoint.authority.substr(endpoint.authority.rfind(':') + 1)));
    const int connects_with = connects[port];
    error = connects_with == EMFILE ? EMFILE : 0;
    if (error != 0) return {};
    return call::UpstreamLease(&streams.emplace_back(port, connects_with));
  }
  void interim(const http::ResponseHead& head) override { interims.push_back(head.status); }
  call::Sent respond(const call::Response& response, call::UpstreamStream& from) override {
    status = response.head.status;
    model_version = response.model_version;
    download_.emplace(static_cast<MemoryBody&>(from.body()), out);
    if (response.observer) download_->watch(*response.observer);
    return {0, &*download_};
  }
  void answer(const call::OwnAnswer& own, call::Upload upload) override {
    status = own.status;
    code = own.code;
    model_version = own.model_version;
    upload_at_end = upload;
    finished = true;
  }
  void finish(call::Upload upload) override {
    upload_at_end = upload;
    finished = true;
  }
  void abort() override { aborted = true; }
  bool gone() const override { return left; }
  std::uint64_t arrived() const override { return out.bytes.size(); }

 private:
  static const call::Peer& peer_of_all() {
    static const call::Peer peer{"10.0.0.7", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 7}};
    return peer;
  }
  void park(std::coroutine_handle<> handle, base::MonoTime deadline, Pause::For what) override {
    handle_ = handle;
    deadline_ = deadline;
    what_ = what;
  }
  const http::RequestHead& held_head() override { return parsed_; }
  void send_interim() override {}

  call::Context& context_;
  std::string text_;  // the head's: it lives as long as the stream
  http::ParsedRequestHead parsed_;
  http::Refusal refusal_;
  std::string kept_;
  std::coroutine_handle<> handle_;
  base::MonoTime deadline_{};
  Pause::For what_ = Pause::For::event;
  std::optional<MemoryTransfer> download_;
};

/// One worker's context, and one call at a time.
class MemoryWorker {
 public:
  static constexpr std::uint16_t stable_port = 9001, canary_port = 9002;

  explicit MemoryWorker(config::Config config, base::BasisPoints weight = 0)
      : config(std::move(config)), context(0, time_, refused_, table(weight), nullptr) {}
  ~MemoryWorker() {
    if (task_ && !task_->done()) client->resume(call::Woken::shutdown);
  }

  /// A request comes. `over`: with all of its body.
  MemoryClient& ask(const std::string& request, std::string body = {}, bool over = true) {
    client.emplace(context, request, std::move(body), over);
    return *client;
  }
  /// Its call begins.
  void begin() { task_.emplace(call::Call::serve(context, *client)); }
  bool done() const { return task_->done(); }
  MemoryStream& stream() { return client->streams.back(); }

  /// Time passes, and the client's deadline is looked at.
  void pass(base::Duration time) {
    clock_.advance(time);
    time_.read(clock_.mono(), base::Duration::max());
    client->tick();
  }
  void install(base::BasisPoints weight) { context.install(table(weight)); }
  Recorded version(const std::string& name) const {
    for (const auto& stats : registry_.all())
      if (stats->version == name) return recorded(*stats);
    return {};
  }
  Recorded stable() const { return version("m_v1"); }
  Recorded canary() const { return version("m_v2"); }

  config::Config config;

 private:
  std::shared_ptr<const traffic::RoutingTable> table(base::BasisPoints weight) {
    return traffic::build_table(config, {{"m", weight}}, traffic::lookup_numeric, endpoints_,
                                registry_, ++generation_);
  }
  base::ManualClock clock_;
  reactor::LoopTime time_{clock_.mono()};
  stats::CodeCounters refused_;
  traffic::EndpointRegistry endpoints_;
  stats::Registry registry_{1};
  std::uint64_t generation_ = 0;

 public:
  call::Context context;
  std::optional<MemoryClient> client;

 private:
  std::optional<reactor::Task<>> task_;
};

}  // namespace canary::test
