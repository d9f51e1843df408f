// Memory for coroutine frames: freed frames are kept by size class and used again, so that a worker
// in steady state allocates nothing. One pool per thread; a frame is freed on the thread it was
// made on.
#pragma once

#include <cstddef>

namespace canary::reactor {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace canary::reactor
