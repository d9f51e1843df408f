#include "reactor/buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace canary::reactor {
namespace {

// Large blocks are the kernel's own pages: between small objects that live longer, the heap would
// keep them when they are freed.
constexpr std::size_t least_mapped = 4 << 10;

char* obtain(std::size_t size) {
  if (size < least_mapped) return new char[size];
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(memory);
}

void give_back(char* memory, std::size_t size) {
  if (size < least_mapped)
    delete[] memory;
  else
    ::munmap(memory, size);
}

}  // namespace

BufferPool::BufferPool() : area_(new char[headroom + area_size]) {
  for (std::size_t i = 0; i < sizes.size(); ++i) free_[i].reserve(kept_bytes / sizes[i]);
}

BufferPool::~BufferPool() {
  for (std::size_t i = 0; i < sizes.size(); ++i)
    for (char* memory : free_[i]) give_back(memory, sizes[i]);
}

std::size_t BufferPool::size_for(std::size_t at_least) {
  const auto* found = std::lower_bound(sizes.begin(), sizes.end(), at_least);
  return found == sizes.end() ? at_least : *found;
}

BufferPool::Block BufferPool::allocate(std::size_t at_least) {
  const std::size_t size = size_for(at_least);
  in_use_ += size;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (size != sizes[i] || free_[i].empty()) continue;
    char* memory = free_[i].back();
    free_[i].pop_back();
    return {memory, size};
  }
  return {obtain(size), size};
}

void BufferPool::release(Block block) {
  in_use_ -= block.size;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (block.size != sizes[i] || (free_[i].size() + 1) * sizes[i] > kept_bytes) continue;
    free_[i].push_back(block.memory);
    return;
  }
  give_back(block.memory, block.size);
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
    } else if (!in_area && size() + at_least <= BufferPool::area_size) {
      return_to_area();
      return {end_, BufferPool::area_size - size()};
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

// Where there is room for more; what it comes to decides how large its next block is.
void Buffer::return_to_area() {
  const BufferPool::Block old = std::exchange(block_, {});
  const std::string_view held = view();
  take_area();
  std::memcpy(begin_, held.data(), held.size());
  end_ = begin_ + held.size();
  pool_.release(old);
}

void Buffer::compact() {
  if (block_.memory && BufferPool::size_for(BufferPool::headroom + size()) <= block_.size / 2)
    move_to_block(size());
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
