// The directions of a layer side by side: pieces of work that share nothing but the threads.
#pragma once

#include <cstddef>

#include "csrc/cpu/kernels.h"

namespace tfrnn::cpu {

// What each of `count` directions, which all run at once, has of a pool.
inline Pool PoolOfDirection(const Pool& pool, int count) {
  Pool own = pool;
  own.threads = (pool.threads + count - 1) / count;
  return own;
}

// Runs body(direction) for all of them, side by side if the pool has threads.
template <typename Body>
void ForDirections(const Pool& pool, int count, const Body& body) {
  if (count == 1 || pool.run == nullptr) {
    for (int d = 0; d < count; ++d) body(d);
    return;
  }
  pool.run(
      pool.context, count, [](void* argument, int d) { (*static_cast<const Body*>(argument))(d); },
      const_cast<Body*>(&body));
}

// Bytes from the workspace of one direction to that of the next, which must be alike.
template <typename Args>
std::size_t WorkspaceStride(const Args& args, int count, const Pool& pool,
                            std::size_t (*bytes)(const Args&, const Pool&)) {
  return (bytes(args, PoolOfDirection(pool, count)) + kAlignment - 1) / kAlignment * kAlignment;
}

// Runs one of the engine's functions for `count` directions. `workspace` holds as many strides.
template <typename Args>
void RunDirections(Args* args, int count, const Pool& pool, void* workspace, std::size_t stride,
                   void (*run)(const Args&, const Pool&)) {
  const Pool own = PoolOfDirection(pool, count);
  ForDirections(pool, count, [&](int d) {
    args[d].workspace = static_cast<char*>(workspace) + static_cast<std::size_t>(d) * stride;
    run(args[d], own);
  });
}

}  // namespace tfrnn::cpu
