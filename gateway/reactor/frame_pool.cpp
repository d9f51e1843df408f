#include "reactor/frame_pool.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "base/prefetch.hpp"

namespace canary::reactor {
namespace {

constexpr std::size_t step = 128;
constexpr std::size_t classes = 32;  // frames of up to 4 KiB

// How many freed frames of each class are kept: a MiB of them, and no more than this.
constexpr std::size_t most_kept = 1024;
constexpr auto kept_of = [] {
  std::array<std::size_t, classes> counts{};
  for (std::size_t i = 0; i < classes; ++i)
    counts[i] = std::min(most_kept, (std::size_t{1} << 20) / ((i + 1) * step));
  return counts;
}();

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
    if (!kept.frames) kept.frames = std::make_unique<void*[]>(kept_of[index]);
    return ::operator new((index + 1) * step);
  }
  void* const frame = kept.frames[--kept.count];
  if (kept.count > 0) base::prefetch(kept.frames[kept.count - 1], size);
  return frame;
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index >= classes || pool.by_size[index].count >= kept_of[index]) {
    ::operator delete(frame);
    return;
  }
  Class& kept = pool.by_size[index];
  kept.frames[kept.count++] = frame;
}

}  // namespace canary::reactor
