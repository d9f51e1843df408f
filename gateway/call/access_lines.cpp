#include "call/access_lines.hpp"

#include <utility>

namespace canary::call {
namespace {

constexpr std::size_t buffer = 32 << 10;

}  // namespace

void AccessLines::add(std::string_view line) {
  lines_ += line;
  ++count_;
  if (lines_.size() >= buffer) flush();
}

void AccessLines::flush() {
  if (count_ == 0) return;
  writer_->submit(std::move(lines_), count_);
  lines_ = {};
  lines_.reserve(buffer + 4096);
  count_ = 0;
}

}  // namespace canary::call
