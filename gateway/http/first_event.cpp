#include "http/first_event.hpp"

namespace canary::http {

void FirstEvent::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (began()) return;
    state_ = next(c);
  }
}

// A byte order mark may stand in front of the first line.
FirstEvent::State FirstEvent::next(char c) const {
  switch (state_) {
    case State::mark_1:
      if (c == '\xef') return State::mark_2;
      break;
    case State::mark_2:
      return c == '\xbb' ? State::mark_3 : State::content;
    case State::mark_3:
      return c == '\xbf' ? State::line_start : State::content;
    case State::line_start:
      break;
    case State::comment:
      return c == '\n' || c == '\r' ? State::line_start : State::comment;
    case State::content:
      return State::content;
  }
  if (c == '\n' || c == '\r') return State::line_start;
  return c == ':' ? State::comment : State::content;
}

}  // namespace canary::http
