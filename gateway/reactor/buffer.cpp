#include "reactor/buffer.hpp"

#include <algorithm>
#include <cstring>

namespace canary::reactor {

BufferPool::BufferPool() : area_(new char[headroom + area_size]) {
  for (std::size_t i = 0; i < sizes.size(); ++i) free_[i].reserve(kept[i]);
}

BufferPool::~BufferPool() {
  for (auto& blocks : free_)
    for (char* memory : blocks) delete[] memory;
}

BufferPool::Block BufferPool::allocate(std::size_t at_least) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (at_least > sizes[i]) continue;
    if (free_[i].empty()) return {new char[sizes[i]], sizes[i]};
    char* memory = free_[i].back();
    free_[i].pop_back();
    return {memory, sizes[i]};
  }
  return {new char[at_least], at_least};
}

void BufferPool::release(Block block) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (block.size != sizes[i] || free_[i].size() >= kept[i]) continue;
    free_[i].push_back(block.memory);
    return;
  }
  delete[] block.memory;
}

std::span<char> Buffer::prepare(std::size_t at_least) {
  if (!begin_) take_area();
  const bool in_area = pool_.holder_ == this;
  char* const start = (in_area ? pool_.area_.get() : block_.memory) + BufferPool::headroom;
  const std::size_t capacity = in_area ? BufferPool::area_size : block_.size - BufferPool::headroom;
  if (static_cast<std::size_t>(start + capacity - end_) < at_least) {
    if (capacity >= size() + at_least) {
      const std::size_t held = size();
      std::memmove(start, begin_, held);
      begin_ = start;
      end_ = start + held;
    } else {
      move_to_block(std::max(2 * capacity, size() + at_least));
      return {end_, static_cast<std::size_t>(block_.memory + block_.size - end_)};
    }
  }
  return {end_, static_cast<std::size_t>(start + capacity - end_)};
}

void Buffer::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) clear();
}

void Buffer::clear() {
  if (pool_.holder_ == this) pool_.holder_ = nullptr;
  if (block_.memory) pool_.release(std::exchange(block_, {}));
  begin_ = end_ = nullptr;
}

void Buffer::take_area() {
  if (pool_.holder_) pool_.holder_->leave_area();
  pool_.holder_ = this;
  begin_ = end_ = pool_.area_.get() + BufferPool::headroom;
}

void Buffer::leave_area() {
  if (empty())
    clear();
  else
    move_to_block(size());
}

void Buffer::move_to_block(std::size_t capacity) {
  const BufferPool::Block old = block_;
  const std::size_t held = size();
  block_ = pool_.allocate(BufferPool::headroom + capacity);
  char* const start = block_.memory + BufferPool::headroom;
  std::memcpy(start, begin_, held);
  begin_ = start;
  end_ = start + held;
  if (pool_.holder_ == this) pool_.holder_ = nullptr;
  if (old.memory) pool_.release(old);
}

}  // namespace canary::reactor
