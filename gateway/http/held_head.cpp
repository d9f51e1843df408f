// A request head is copied with its text, and its views follow.
#include <algorithm>

#include "http/request_head.hpp"

namespace canary::http {
namespace {

/// Views into one text become views into a copy of it.
class Move {
 public:
  Move(std::string_view from, const char* to) : from_(from), to_(to) {}
  void operator()(std::string_view& view) const {
    if (view.data() < from_.data() || view.data() > from_.data() + from_.size()) return;
    view = {to_ + (view.data() - from_.data()), view.size()};
  }

 private:
  std::string_view from_;
  const char* to_;
};

}  // namespace

HeldRequestHead::HeldRequestHead(const RequestHead& head, std::string_view text)
    : RequestHead(head),
      fields_(std::make_unique<Field[]>(count_)),
      text_(std::make_unique_for_overwrite<char[]>(text.size())) {
  std::copy(text.begin(), text.end(), text_.get());
  std::copy(first_, first_ + count_, fields_.get());
  first_ = fields_.get();
  const Move move(text, text_.get());
  for (std::string_view* view :
       {&method, &target, &path, &query, &authority, &port, &upgrade, &request_id})
    move(*view);
  for (std::size_t i = 0; i < count_; ++i) {
    move(fields_[i].name);
    move(fields_[i].value);
  }
  connection_.for_each_listed(move);
}

}  // namespace canary::http
