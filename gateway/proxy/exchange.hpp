// One request and its response, from the first byte of the head to the one line in the record:
//
//   read_head -> admit -> reach -> send_request -> await_reply -> deliver
//                  |        ^______________________|         '-> tunnel (after 101)
//                  |                 (keep-alive race: once, on a new connection)
//                  '-> answer (refused, /internal, no such model)
//
// reach() picks a version and gets a connection to it; whatever waited, the pick is made again when
// the table has changed, right before the head is sent, so that a table in force means that no
// older pick is still on its way. Lives in the frame of Session::serve().
#pragma once

#include <array>
#include <optional>
#include <string>

#include "proxy/client_origin.hpp"
#include "proxy/client_pace.hpp"
#include "proxy/exchange_record.hpp"
#include "proxy/head_view.hpp"
#include "proxy/relay.hpp"
#include "proxy/session.hpp"
#include "proxy/table_pin.hpp"
#include "proxy/upstream_pool.hpp"
#include "reactor/task.hpp"
#include "traffic/model_version.hpp"
#include "traffic/split.hpp"

namespace canary::proxy {

/// An answer of the gateway's own instead of a forwarded one, and what the version is charged with.
struct Refused {
  std::uint16_t status = 0;  // 0: nobody is there to be answered
  std::string_view code;     // for the error body; static text
  std::string_view message;  // static, or in the worker's scratch until the answer is built
  stats::Outcome outcome = stats::Outcome::gateway_error;
};

class Exchange {
 public:
  /// Serves one request. False: the connection must end. What the exchange holds (its upstream, its
  /// table) has gone by then.
  static reactor::Task<bool> serve(Session& session);

 private:
  explicit Exchange(Session& session);
  ~Exchange();

  enum class Reached : std::uint8_t { connected, table_changed, client_gone, failed };
  enum class Reply : std::uint8_t { head, switched, retry, refused };

  // exchange.cpp: from the first byte to a connection
  bool find_head();
  reactor::Task<bool> read_head();
  bool parse();  // the head into the worker's scratch, unless it is there; false: refused_
  bool admit();  // false: refused_, or own_body_ is the answer
  void take_request_id(std::string_view offered);
  bool internal();
  bool choose();  // pins the present table and picks; false: refused_
  bool choose_named(std::string_view encoded);
  bool has_room() {  // false: refused_
    const std::uint32_t most = model_->settings.upstream.max_in_flight;
    return most == 0 || version_->stats->within(most) || shed();
  }
  bool take_idle();             // false: nothing is to be had at once
  reactor::Task<bool> reach();  // false: refused_
  reactor::Task<Reached> reach_version();
  bool has_stand_in() const;
  bool fail_over();  // false: refused_
  bool trusts_peer() const;
  HeadView head_view() const;

  // exchange_connect.cpp
  reactor::Task<int> connect(const traffic::Endpoint& endpoint);
  reactor::Task<bool> listen(MonoTime deadline);

  // exchange_shed.cpp: a version that has as much in flight as it may
  bool shed();  // false
  reactor::Task<bool> skip_body();

  // exchange_reply.cpp: from the head that is sent to the response's head
  void send_request();
  void append_head(base::TextBuffer& out);
  bool uploading() const { return !upload_done_ && !upload_broken_; }
  void uploaded(MonoTime now);
  void pass_interim();
  void send_interim();
  reactor::Task<Reply> await_reply();
  std::optional<Reply> upload_step();
  std::optional<Reply> receive_reply();
  std::optional<Reply> parse_reply(std::size_t head_size);
  Reply spoke_unasked();
  Reply reply_broken(int error);
  Reply try_again();
  stats::RaceAllowance& races();
  Reply reply_expired(MonoTime now);
  MonoTime reply_deadline() const;
  ClientPace::Rule pace_rule() const;
  std::uint64_t client_bytes() const;
  bool client_keeps_up(MonoTime now);
  MonoTime total_deadline() const;
  stats::Outcome total_outcome(MonoTime now) const;
  Reply refuse(std::uint16_t status, std::string_view code, std::string_view message,
               stats::Outcome outcome);

  // exchange_switch.cpp: from a 101 on
  Reply switch_protocols(std::size_t head_size);
  reactor::Task<bool> tunnel();

  // exchange_deliver.cpp: the way back
  void start_delivery();
  reactor::Task<bool> deliver();
  MonoTime stalled_at() const;
  bool delivered(MonoTime now);
  bool broke_off(stats::Outcome outcome, MonoTime now);
  stats::Outcome ended_by_version(stats::Outcome outcome, MonoTime now) const;
  reactor::Task<bool> answer();  // refused_ or own_body_
  void build_answer();
  std::string_view version_header() const;
  std::string_view request_id() const { return {request_id_.data(), request_id_size_}; }
  void begin_answer();             // clears the scratch that the head for the client is built in
  std::uint64_t received() const;  // body bytes from the client
  std::uint64_t sent() const;      // and to it
  void keep_upstream();
  void log_access();

  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

  // What every request touches comes first, what few need last: with many connections, each line of
  // memory counts.
  Session& session_;
  Worker& worker_;
  TablePin table_;
  const traffic::Model* model_ = nullptr;      // in table_
  const traffic::Version* version_ = nullptr;  // in table_
  const traffic::Endpoint* endpoint_ = nullptr;
  ExchangeRecord record_;
  UpstreamLease upstream_;
  std::size_t head_size_ = 0;  // of the request head at the front of session_.in()
  std::size_t scanned_ = 0;    // bytes there that were searched for the head's end
  std::size_t retained_ = 0;   // request bytes kept there for a retry or a 101
  std::size_t reply_scanned_ = 0, reply_size_ = 0;
  std::size_t request_body_ = 0, reply_body_ = 0;  // body bytes that left together with the head
  MonoTime progress_at_{};                         // when what is waited for last moved
  MonoTime sent_at_{};                             // the last request byte left
  std::string_view interim_left_;  // of interim_ or go_on: still to be sent to the client
  stats::Outcome reply_outcome_ = stats::Outcome::ok;
  std::uint8_t interim_responses_ = 0;
  std::uint16_t status_sent_ = 0;  // to the client; 0: nothing
  // The request
  bool last_ = false;  // the client wants no further one on this connection
  bool keep_alive_ = false, http_1_0_ = false, is_head_ = false, has_body_ = false;
  bool expect_continue_ = false, asks_to_switch_ = false;
  bool replayable_ = false;  // the whole request is in hand and may be sent twice
  // Where it stands
  bool head_fresh_ = false;  // the worker's scratch holds this request's head; not after a wait
  bool parsed_ = false, drawn_ = false, failover_ = false, retried_ = false;
  bool version_named_ = false;  // by the client: no other will do
  bool out_of_resources_ = false;
  bool all_out_ = false;    // every endpoint of the version was ejected or unknown
  bool forwarded_ = false;  // to upstream_, as far as upload_done_ says
  bool upload_done_ = false, upload_broken_ = false, upload_gave_way_ = false;
  bool upload_refused_ = false;  // the client broke it, after the answer had begun
  bool waits_for_client_ = false, client_slow_ = false, starved_ = false;
  bool request_arrived_ = false;  // all of it, before the answer was sent
  bool upstream_keeps_ = false, ends_by_close_ = false;
  bool awaits_event_ = false;  // an event stream of which only comments have come
  traffic::Draw draw_{};       // kept when the pick is made again
  std::optional<Relay> upload_, download_;
  ClientPace pace_;             // while waits_for_client_ or client_slow_
  std::string logged_request_;  // client, method and target, when this request is logged
  ClientOrigin origin_;         // since the head was sent
  std::uint8_t request_id_size_ = 0;
  std::array<char, 128> request_id_;

  Refused refused_;
  http::FirstEvent first_event_;
  int connect_error_ = 0;                   // errno of the last connect that failed
  std::size_t skipped_ = 0;                 // bytes of empty lines in front of the request head
  TablePin charged_table_;                  // of a version that was failed over
  std::optional<http::BodyReader> unread_;  // of a request that is shed and leaves its connection
  const std::string* own_body_ = nullptr;
  std::shared_ptr<const traffic::VersionAnswers> answers_;  // keeps own_body_ alive
  base::TextBuffer interim_;   // a 1xx of the upstream's that is passed on
  std::string_view protocol_;  // of a 101, in reply(), until its head is built
};

}  // namespace canary::proxy
