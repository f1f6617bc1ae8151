// Dropout inside the products: every gate multiplies factors of its own into its operand.
#pragma once

#include "csrc/cpu/layout.h"

namespace tfrnn::cpu::TFRNN_ISA {

// The factors [G, B, width] of one dropout tensor; absent ones are 1.
template <typename T>
struct Factors {
  const T* data;
  Index batch, width;

  explicit operator bool() const { return data != nullptr; }
  const T* Row(int gate, Index b) const { return data + (gate * batch + b) * width; }
};

// from[k] times the factors of batch row b, for k in [begin, end) and each gate of the set:
// to[k - begin][gate].
template <typename Gates, typename S, typename T, typename A>
TFRNN_NOINLINE void DropRow(const S* from, Range range, const Factors<T>& factors, Index b, A* to) {
  for (int g = 0; g < Gates::kCount; ++g) {
    const T* const own = factors ? factors.Row(Gates::kList.gate[g], b) : nullptr;
    for (Index k = range.begin; k < range.end; ++k) {
      const A value = Load(from[k]);
      to[(k - range.begin) * Gates::kCount + g] = own == nullptr ? value : value * Load(own[k]);
    }
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
