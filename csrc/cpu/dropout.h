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
// to[k - begin][gate], where kNeighbours along k lie side by side, filled up with zeros.
template <typename Gates, int kNeighbours = 1, typename S, typename T, typename E>
TFRNN_NOINLINE void DropRow(const S* from, Range range, const Factors<T>& factors, Index b, E* to) {
  const Index count = range.end - range.begin;
  const auto place = [&](Index k, int g) {
    return to + (k / kNeighbours * Gates::kCount + g) * kNeighbours + k % kNeighbours;
  };
  for (int g = 0; g < Gates::kCount; ++g) {
    const T* const own = factors ? factors.Row(Gates::kList.gate[g], b) + range.begin : nullptr;
    for (Index k = 0; k < count; ++k) {
      const auto value = Load(from[range.begin + k]);
      Store(own == nullptr ? value : value * Load(own[k]), place(k, g));
    }
    for (Index k = count; k % kNeighbours > 0; ++k) *place(k, g) = E{};
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
