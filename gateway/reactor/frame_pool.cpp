#include "reactor/frame_pool.hpp"

#include <array>
#include <memory>
#include <new>

#include "base/prefetch.hpp"

namespace canary::reactor {
namespace {

constexpr std::size_t step = 128;
constexpr std::size_t classes = 32;  // frames of up to 4 KiB
constexpr std::size_t kept_per_class = 1024;

// A stack of frames beside them, not a list through them: which one is next is known without
// touching it.
struct Class {
  std::unique_ptr<void*[]> frames;  // made with the first frame
  std::size_t count = 0;
};

struct Pool {
  std::array<Class, classes> by_size;
  ~Pool() {
    for (const Class& kept : by_size)
      for (std::size_t i = 0; i < kept.count; ++i) ::operator delete(kept.frames[i]);
  }
};
thread_local Pool pool;

std::size_t class_of(std::size_t size) { return (size - 1) / step; }

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t index = class_of(size);
  if (index >= classes) return ::operator new(size);
  Class& kept = pool.by_size[index];
  if (kept.count == 0) {
    if (!kept.frames) kept.frames = std::make_unique<void*[]>(kept_per_class);
    return ::operator new((index + 1) * step);
  }
  void* const frame = kept.frames[--kept.count];
  if (kept.count > 0) base::prefetch(kept.frames[kept.count - 1], size);
  return frame;
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index >= classes || pool.by_size[index].count >= kept_per_class) {
    ::operator delete(frame);
    return;
  }
  Class& kept = pool.by_size[index];
  kept.frames[kept.count++] = frame;
}

}  // namespace canary::reactor
