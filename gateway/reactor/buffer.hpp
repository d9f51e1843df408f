// Where received bytes live. A worker has one large receive area; a Buffer that is filled borrows
// it, and its bytes are copied out, into a block of its own, only when another Buffer needs the
// area while they are still there. What waits holds a block of about the size of its bytes, and an
// idle connection no memory at all. One thread. Never keep a pointer into a Buffer across a
// suspension: its bytes may have moved.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace canary::reactor {

class Buffer;

/// The shared receive area and the spare blocks of one worker.
class BufferPool {
 public:
  /// Free room that is always kept in front of received bytes, for a chunk's size line.
  static constexpr std::size_t headroom = 64;
  static constexpr std::size_t area_size = 128 << 10;

  BufferPool();
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// Bytes of the blocks that buffers hold.
  std::size_t in_use() const { return in_use_; }

 private:
  friend class Buffer;
  struct Block {
    char* memory = nullptr;
    std::size_t size = 0;
  };
  Block allocate(std::size_t at_least);
  void release(Block block);
  /// Of the block that allocate() gives.
  static std::size_t size_for(std::size_t at_least);

  // Blocks of these sizes are kept for reuse, up to a MiB of each; the largest takes a full area.
  static constexpr std::array<std::size_t, 8> sizes{
      1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, headroom + area_size};
  static constexpr std::size_t kept_bytes = 1 << 20;
  std::array<std::vector<char*>, sizes.size()> free_;
  std::size_t in_use_ = 0;
  std::unique_ptr<char[]> area_;
  Buffer* holder_ = nullptr;
};

class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(pool) {}
  ~Buffer() { clear(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::string_view view() const { return {begin_, size()}; }
  char* data() { return begin_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  bool empty() const { return begin_ == end_; }

  /// Room to receive into, of at least `at_least` bytes, behind the bytes that are there.
  std::span<char> prepare(std::size_t at_least);
  /// The first `count` bytes of prepare()'s room now hold data.
  void commit(std::size_t count) { end_ += count; }
  /// Drops bytes from the front; the memory goes back when none are left.
  void consume(std::size_t count);
  /// Makes `count` bytes of the free room in front part of the data again (count <= headroom, or
  /// not more than was consumed): whoever wrote there wants them sent.
  void unconsume(std::size_t count) { begin_ -= count; }
  void clear();
  /// Before a wait: gives back a block that is much larger than what it holds by now.
  void compact();

 private:
  friend class BufferPool;
  void take_area();
  void return_to_area();
  void leave_area();
  void move_to_block(std::size_t capacity);

  BufferPool& pool_;
  BufferPool::Block block_;  // memory == nullptr: holds the area, or nothing
  char* begin_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace canary::reactor
