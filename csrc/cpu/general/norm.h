// Layer normalisation of one row (Ba et al. 2016, arXiv:1607.06450), forwards and backwards. A
// row lies in blocks of units, of which a set of sums, or a single vector of a state, is
// normalised together.
#pragma once

#include "csrc/cpu/layout.h"

namespace tfrnn::cpu::TFRNN_ISA {

// The vectors of a row that are normalised together: sums `kSums...` of each block.
template <template <typename> class CellT, typename A, typename Gates>
struct NormSet {
  using L = Layout<CellT, A>;
  static constexpr int kCount = Gates::kCount;
  static constexpr Index kBlock = L::kBlock;
  static constexpr Index Offset(int i) { return Gates::kList.sum[i] * L::kBlock; }
};
template <template <typename> class CellT, typename A>
struct NormState {
  static constexpr int kCount = 1;
  static constexpr Index kBlock = Layout<CellT, A>::kBlock;
  static constexpr Index Offset(int) { return 0; }
};

// Calls body(offset from the block's start, block, units from there on: maybe none) for every
// vector.
template <typename Set, typename A, typename Body>
TFRNN_INLINE void ForVectors(Index units, const Body& body) {
  for (Index block = 0; block * Set::kBlock < units; ++block) {
    for (int i = 0; i < Set::kCount; ++i) {
      for (Index u = 0; u < Set::kBlock; u += kLanes<A>) {
        body(Set::Offset(i) + u, block, Max(0, units - block * Set::kBlock - u));
      }
    }
  }
}

template <typename A>
TFRNN_INLINE A SumOf(Vec<A> x) {
  A sum = x[0];
  for (int i = 1; i < kLanes<A>; ++i) sum += x[i];
  return sum;
}
// The lanes past the units are set to zero.
template <typename A>
TFRNN_INLINE Vec<A> Valid(Vec<A> x, Index left) {
  for (Index i = left; i < kLanes<A>; ++i) x[i] = A(0);
  return x;
}

// row := (row - mean) / deviation; returns 1 / deviation. Blocks of the row are `stride` apart.
template <typename Set, typename A>
TFRNN_NOINLINE A Normalize(A* row, Index stride, Index units, A epsilon) {
  const A count = static_cast<A>(units * Set::kCount);
  Vec<A> sum{};
  ForVectors<Set, A>(units, [&](Index at, Index block, Index left) {
    sum += Valid<A>(LoadVec(row + block * stride + at), left);
  });
  const Vec<A> mean = Broadcast(SumOf<A>(sum) / count);
  Vec<A> squares{};
  ForVectors<Set, A>(units, [&](Index at, Index block, Index left) {
    const Vec<A> d = Valid<A>(LoadVec(row + block * stride + at) - mean, left);
    squares = MulAdd(d, d, squares);
  });
  const A variance = SumOf<A>(squares) / count + epsilon;
  const A scale =
      A(1) / (sizeof(A) == 4 ? A(__builtin_sqrtf(variance)) : A(__builtin_sqrt(variance)));
  ForVectors<Set, A>(units, [&](Index at, Index block, Index left) {
    A* const to = row + block * stride + at;
    StoreVec(to, Valid<A>((LoadVec(to) - mean) * Broadcast(scale), left));
  });
  return scale;
}

// The gradient of what was normalised, from that of its affine image y = hat * gain + offset:
// `to` may be dy or hat. Adds the gradients of gain and offset to theirs, which like `gain` are
// laid out as the row with blocks next to each other, kGain elements apart.
template <typename Set, Index kGain, typename A>
TFRNN_NOINLINE void NormalizeBackward(const A* dy, Index dy_stride, const A* hat, Index hat_stride,
                                      A scale, const A* gain, Index units, A* dgain, A* doffset,
                                      A* to, Index to_stride) {
  const A count = static_cast<A>(units * Set::kCount);
  Vec<A> sum{}, product{};
  ForVectors<Set, A>(units, [&](Index at, Index block, Index left) {
    const Vec<A> d = Valid<A>(LoadVec(dy + block * dy_stride + at), left);
    const Vec<A> x = Valid<A>(LoadVec(hat + block * hat_stride + at), left);
    const Index parameter = block * kGain + at;
    const Vec<A> dhat = d * LoadVec(gain + parameter);
    sum += dhat;
    product = MulAdd(dhat, x, product);
    StoreVec(dgain + parameter, MulAdd(d, x, LoadVec(dgain + parameter)));
    StoreVec(doffset + parameter, LoadVec(doffset + parameter) + d);
  });
  const Vec<A> mean = Broadcast(SumOf<A>(sum) / count);
  const Vec<A> mean_product = Broadcast(SumOf<A>(product) / count);
  ForVectors<Set, A>(units, [&](Index at, Index block, Index left) {
    const Vec<A> x = LoadVec(hat + block * hat_stride + at);
    const Vec<A> dhat = LoadVec(dy + block * dy_stride + at) * LoadVec(gain + block * kGain + at);
    const Vec<A> d = (dhat - mean - x * mean_product) * Broadcast(scale);
    StoreVec(to + block * to_stride + at, Valid<A>(d, left));
  });
}

}  // namespace tfrnn::cpu::TFRNN_ISA
