// Where the content of an event stream begins. Comments (lines that begin with a colon, often sent
// to keep the connection alive) and empty lines say nothing yet (WHATWG HTML, 9.2.6).
#pragma once

#include <cstdint>
#include <string_view>

namespace canary::http {

class FirstEvent {
 public:
  /// Takes the next bytes of the body, however they are cut.
  void feed(std::string_view bytes);
  /// Whether the first byte of a line that is no comment has passed.
  bool began() const { return state_ == State::content; }

 private:
  enum class State : std::uint8_t { mark_1, mark_2, mark_3, line_start, comment, content };
  State next(char c) const;

  State state_ = State::mark_1;
};

}  // namespace canary::http
