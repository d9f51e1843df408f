#include "run/own_version.hpp"

#include <utility>

#include "net/http_client.hpp"

namespace canary::run {
namespace {

constexpr std::size_t most_questions = 64;
constexpr base::Duration patience = std::chrono::seconds(2);

std::string reachable(config::ListenAddress listener) {
  if (listener.host == "0.0.0.0") listener.host = "127.0.0.1";
  if (listener.host == "::") listener.host = "::1";
  return "http://" + listener.to_string();
}

}  // namespace

OwnVersion::OwnVersion(const config::ListenAddress& listener)
    : base_url_(reachable(listener)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

OwnVersion::~OwnVersion() {
  thread_.request_stop();
  wake_.notify_all();
}

void OwnVersion::ask(const std::string& model, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    if (questions_.size() < most_questions) {
      questions_.push_back({model, std::move(answer)});
      wake_.notify_one();
      return;
    }
  }
  answer(base::Error("too many questions are waiting"));
}

void OwnVersion::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Question question;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !questions_.empty(); })) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    auto answer = fetch(question.model, stop);
    if (!stop.stop_requested()) question.answer(std::move(answer));
  }
}

// A model's name is letters, digits, '.', '_' and '-': it needs no escaping.
base::Result<std::string> OwnVersion::fetch(const std::string& model,
                                            const std::stop_token& stop) const {
  net::ClientRequest request;
  request.url = base_url_ + "/internal/model-version?model=" + model;
  net::ClientOptions options;
  options.timeout = patience;
  options.max_body = 64 << 10;
  options.stop = stop;
  auto response = net::http_exchange(request, options);
  if (!response) return response.error();
  if (response->status != 200)
    return base::Error("status " + std::to_string(response->status) + ": " + response->body);
  return base::Result<std::string>(boost::system::in_place_value, std::move(response->body));
}

}  // namespace canary::run
