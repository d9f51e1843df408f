#include "http1/outlet.hpp"

#include <algorithm>
#include <array>

namespace canary::http1 {

reactor::Io Outlet::flush(reactor::Socket& socket, reactor::Buffer& buffer) {
  std::size_t total = 0;
  join_small_body(buffer);
  while (!empty()) {
    std::array<iovec, 3> parts;
    std::size_t count = 0;
    if (!head_.empty()) parts[count++] = {const_cast<char*>(head_.data()), head_.size()};
    if (body_ > 0) parts[count++] = {buffer.data(), body_};
    if (!suffix_.empty()) parts[count++] = {const_cast<char*>(suffix_.data()), suffix_.size()};
    const reactor::Io io = socket.send(std::span(parts.data(), count));
    if (io.status != reactor::IoStatus::ok) {
      leave_scratch();
      return {io.status, io.error, total};
    }
    total += io.bytes;
    sent(io.bytes, buffer);
  }
  if (skip_ > 0) buffer.consume(std::exchange(skip_, 0));
  scratch_ = nullptr;
  return {reactor::IoStatus::ok, 0, total};
}

void Outlet::join_small_body(reactor::Buffer& buffer) {
  if (!scratch_ || body_ + suffix_.size() == 0 || body_ > small_body) return;
  scratch_->append(buffer.view().substr(0, body_), suffix_);
  if (body_ > 0) buffer.consume(std::exchange(body_, 0));
  suffix_ = {};
  head_ = scratch_->view();
}

void Outlet::sent(std::size_t count, reactor::Buffer& buffer) {
  const std::size_t of_head = std::min(count, head_.size());
  head_.remove_prefix(of_head);
  count -= of_head;
  const std::size_t of_body = std::min(count, body_);
  if (of_body > 0) buffer.consume(of_body);
  body_ -= of_body;
  suffix_.remove_prefix(count - of_body);
}

void Outlet::leave_scratch() {
  if (scratch_) rest(head_);
  scratch_ = nullptr;
}

}  // namespace canary::http1
