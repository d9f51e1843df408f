#include "reactor/frame_pool.hpp"

#include <array>
#include <new>

namespace canary::reactor {
namespace {

constexpr std::size_t step = 128;
constexpr std::size_t classes = 32;  // frames of up to 4 KiB
constexpr std::size_t kept_per_class = 1024;

struct Free {
  Free* next;
};

struct Pool {
  std::array<Free*, classes> heads{};
  std::array<std::size_t, classes> kept{};
  ~Pool() {
    for (Free* free : heads) {
      while (free) {
        Free* next = free->next;
        ::operator delete(free);
        free = next;
      }
    }
  }
};
thread_local Pool pool;

std::size_t class_of(std::size_t size) { return (size - 1) / step; }

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t index = class_of(size);
  if (index >= classes) return ::operator new(size);
  if (Free* free = pool.heads[index]) {
    pool.heads[index] = free->next;
    --pool.kept[index];
    return free;
  }
  return ::operator new((index + 1) * step);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index >= classes || pool.kept[index] >= kept_per_class) {
    ::operator delete(frame);
    return;
  }
  pool.heads[index] = new (frame) Free{pool.heads[index]};
  ++pool.kept[index];
}

}  // namespace canary::reactor
