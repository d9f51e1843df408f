// One request and its answer, whatever wires carry them, from a head that has come to the one line
// in the record:
//
//   admit -> choose -> reach -> send_request -> await_reply -> deliver
//     |        ^__________________________|           '-> tunnel (after 101)
//     |            (keep-alive race: once, on a new stream)
//     '-> answer (refused, /internal, no such model)
//
// It sees no socket, no framing and no keep-alive: call/streams.hpp has what it sees. reach() picks
// a version and gets a stream to it; whatever waited, the pick is made again when the table has
// changed, right before the head is sent, so that a table in force means that no older pick is
// still on its way. Lives in the frame of serve(), on the worker's thread.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "call/client_origin.hpp"
#include "call/client_pace.hpp"
#include "call/context.hpp"
#include "call/head_view.hpp"
#include "call/record.hpp"
#include "call/streams.hpp"
#include "reactor/task.hpp"
#include "traffic/split.hpp"

namespace canary::call {

/// An answer of the gateway's own instead of a forwarded one, and what the version is charged with.
struct Refused {
  std::uint16_t status = 0;  // 0: nobody is there to be answered
  std::string_view code;     // for the error body; static text
  std::string_view message;  // static, or in the context's scratch until the answer is built
  stats::Outcome outcome = stats::Outcome::gateway_error;
};

class Call {
 public:
  /// Serves one request, whose head has come or been refused. What the call holds (its upstream,
  /// its table) has gone by the end; the client's stream has been told what becomes of it.
  static reactor::Task<> serve(Context& context, ClientStream& client);

 private:
  Call(Context& context, ClientStream& client);
  ~Call();

  enum class Reached : std::uint8_t { connected, table_changed, client_gone, failed };
  enum class Reply : std::uint8_t { head, switched, retry, refused };
  /// Who keeps the answer from going on.
  enum class Holdup : std::uint8_t { version, client, both };

  // call.cpp: from the head to a pick
  bool admit();  // false: refused_, or own_body_ is the answer
  void take_request_id(std::string_view offered);
  bool internal();
  bool choose();  // pins the present table and picks; false: refused_
  bool choose_named(std::string_view encoded);
  bool has_room() {  // false: refused_
    const std::uint32_t most = model_->settings.upstream.max_in_flight;
    return most == 0 || version_->stats->within(most) || shed();
  }
  bool shed();  // false
  bool trusts_peer() const;
  HeadView head_view();

  // reach.cpp: from a pick to a stream
  bool take_idle();             // false: nothing is to be had at once
  reactor::Task<bool> reach();  // false: refused_
  reactor::Task<Reached> reach_version();
  reactor::Task<int> connect(const traffic::Endpoint& endpoint);
  bool has_stand_in() const;
  bool fail_over();  // false: refused_

  // await.cpp: from the head that is sent to the response's head
  void send_request();
  Sent ask(UpstreamStream::Body how);
  bool uploading() const { return upload_ == Upload::under_way; }
  bool waits_for_client() const { return upload_step_ == Transfer::Progress::want_input; }
  void uploaded(MonoTime now);
  reactor::Task<Reply> await_reply();
  std::optional<Reply> upload_step();
  std::optional<Reply> receive_reply();
  std::optional<Reply> take_head(const http::ResponseHead& head);
  Reply spoke_unasked();
  Reply reply_broken(int error);
  Reply try_again();
  stats::RaceAllowance& races();
  Reply bad_response(std::string_view message, stats::Outcome outcome = stats::Outcome::bad_output);
  Reply refuse(std::uint16_t status, std::string_view code, std::string_view message,
               stats::Outcome outcome);

  // deadlines.cpp
  MonoTime reply_deadline() const;
  Reply reply_expired(MonoTime now);
  MonoTime stalled_at() const;
  ClientPace::Rule pace_rule() const;
  std::uint64_t client_bytes() const;
  bool client_keeps_up(MonoTime now);
  MonoTime total_deadline() const;
  stats::Outcome total_outcome(MonoTime now) const;

  // deliver.cpp: the way back
  bool start_delivery();  // true: that was all
  reactor::Task<> deliver();
  void look_who_holds_up(Transfer::Progress progress, bool moved, MonoTime now);
  void delivered(MonoTime now);
  void broke_off(stats::Outcome outcome, MonoTime now);
  stats::Outcome ended_by_version(stats::Outcome outcome, MonoTime now) const;
  reactor::Task<> tunnel();
  void answer();  // refused_ or own_body_
  std::string_view version_header() const;
  std::string_view request_id() const { return {request_id_.data(), request_id_size_}; }
  std::uint64_t received() const;  // body bytes from the client
  std::uint64_t sent() const;      // and to it
  void give_upstream_back();
  void log_access();

  // What every request touches comes first, what few need last: with many connections, each line of
  // memory counts.
  Context& context_;
  ClientStream& client_;
  TablePin table_;
  const traffic::Model* model_ = nullptr;      // in table_
  const traffic::Version* version_ = nullptr;  // in table_
  const traffic::Endpoint* endpoint_ = nullptr;
  CallRecord record_;
  UpstreamLease upstream_;
  http::ResponseHead* response_ = nullptr;           // until the next wait
  Transfer* up_ = nullptr;                           // the way of the request's body
  Transfer* down_ = nullptr;                         // and of the answer's
  std::uint64_t request_body_ = 0, reply_body_ = 0;  // body bytes that left together with the head
  MonoTime progress_at_{};                           // when what is waited for last moved
  MonoTime sent_at_{};                               // the last request byte left
  stats::Outcome reply_outcome_ = stats::Outcome::ok;
  std::uint8_t interim_responses_ = 0;
  std::uint16_t status_sent_ = 0;  // to the client; 0: nothing
  Upload upload_ = Upload::none;
  Transfer::Progress upload_step_ = Transfer::Progress::done;  // what the last one came to
  Holdup holdup_ = Holdup::version;
  bool replayable_ = false;            // the whole request is in hand and may be sent twice
  bool retried_ = false;               // it has been
  bool failed_over_ = false;           // stable is to answer for a canary
  bool version_named_ = false;         // by the client: no other will do
  bool may_switch_ = false;            // the client has offered to
  bool awaits_event_ = false;          // an event stream of which only comments have come
  std::optional<traffic::Draw> draw_;  // kept when the pick is made again
  ClientPace pace_;                    // while the client is waited for
  std::string logged_request_;         // client, method and target, when this request is logged
  ClientOrigin origin_;                // since the head was sent
  std::uint8_t request_id_size_ = 0;
  std::array<char, 128> request_id_;

  Refused refused_;
  FirstEventObserver first_event_;
  struct {
    int error = 0;         // errno of the last connect that failed
    bool all_out = false;  // every endpoint of the version was ejected or unknown
    bool out_of_resources = false;
  } unreached_;
  TablePin charged_table_;  // of a version that was failed over
  const std::string* own_body_ = nullptr;
  std::shared_ptr<const traffic::VersionAnswers> answers_;  // keeps own_body_ alive
  bool shed_ = false;          // the request is one too many for its version
  std::string_view protocol_;  // of a 101, until its head is built
};

}  // namespace canary::call
