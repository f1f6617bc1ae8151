// Included first by every engine header. The engine is compiled once per instruction set, each
// time into a namespace of its own, named by TFRNN_ISA on the command line. Nothing here may
// instantiate a function template or call an inline function of another namespace that could be
// emitted on its own: the linker would keep one copy for all instruction sets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "csrc/core/types.h"
#include "csrc/cpu/pool.h"

#if !defined(TFRNN_ISA)
#define TFRNN_ISA baseline
#endif

#define TFRNN_NOINLINE __attribute__((noinline))

namespace tfrnn::cpu::TFRNN_ISA {

using Index = std::int64_t;

constexpr Index Min(Index a, Index b) { return a < b ? a : b; }
constexpr Index Max(Index a, Index b) { return a > b ? a : b; }
constexpr Index CeilDiv(Index a, Index b) { return (a + b - 1) / b; }

// The part [begin, end) of `count` things that falls to worker `i` of `n`.
struct Range {
  Index begin, end;
};
constexpr Range PartOf(Index count, Index i, Index n) {
  return {count * i / n, count * (i + 1) / n};
}

// Runs body(i) for i in [0, count) on the pool.
template <typename Body>
void ParallelFor(const Pool& pool, int count, const Body& body) {
  if (count == 1 || pool.run == nullptr) {
    for (int i = 0; i < count; ++i) body(i);
    return;
  }
  pool.run(
      pool.context, count, [](void* argument, int i) { (*static_cast<const Body*>(argument))(i); },
      const_cast<Body*>(&body));
}

// Runs body(i, n) on n threads side by side, n between 1 and `most`.
template <typename Body>
void ForTeam(const Pool& pool, int most, int patience, const Body& body) {
  if (most == 1 || pool.gather == nullptr) return body(0, 1);
  pool.gather(
      pool.context, most, patience,
      [](void* argument, int i, int n) { (*static_cast<const Body*>(argument))(i, n); },
      const_cast<Body*>(&body));
}

// Lays arrays out one after another in a workspace. With a null base it only counts bytes.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}
  template <typename Element>
  Element* Take(Index count) {
    constexpr std::size_t kCacheLine = 64;
    const std::size_t bytes = static_cast<std::size_t>(Max(count, 0)) * sizeof(Element);
    char* const start = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    return reinterpret_cast<Element*>(start);
  }
  std::size_t used() const { return used_; }

 private:
  char* base_;
  std::size_t used_ = 0;
};

}  // namespace tfrnn::cpu::TFRNN_ISA
