// Products with weights as they lie, [depth, G*U], for calls that use every weight once, with few
// rows: packing would cost more than the products. The weights are read row by row, some rows side
// by side, so that what fetches them ahead sees a few long streams.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

constexpr int kStreams = 4;

// Whether a call is of that kind. The whole sequence counts, not a segment of it, and not how the
// rows are shared out: bits may depend on it.
template <typename T, typename L>
constexpr bool InPlace(const RnnShape& s) {
  return std::is_same_v<T, typename L::A> && Max(s.time, s.total) == 1 && s.batch <= kTileRows &&
         s.units % L::kBlock == 0;
}

// sums[i] += operand row i · the gates of a set, as [kSums][padded units], for some units. Summed
// up in the order of a tile, bit by bit.
template <typename L, typename Gates, typename A>
TFRNN_NOINLINE void AddInPlace(const A* w, Index depth, Index units, Range range,
                               const A* const* operands, A* const* sums, Index count) {
  const Index below = L::Cell::kGates * units;
  const auto add = [&](Index k, auto streams) {
    constexpr int kCount = decltype(streams)::value;
    for (int g = 0; g < Gates::kCount; ++g) {
      const A* const from = w + k * below + Gates::kList.gate[g] * units;
      for (Index i = 0; i < count; ++i) {
        A* const to = sums[i] + Gates::kList.sum[g] * L::Padded(units);
        Vec<A> x[kCount];
        for (int s = 0; s < kCount; ++s) x[s] = Broadcast(operands[i][k + s]);
        for (Index u = range.begin; u < range.end; u += kLanes<A>) {
          Vec<A> sum = LoadVec(to + u);
#pragma GCC unroll 4
          for (int s = 0; s < kCount; ++s) sum = MulAdd(x[s], LoadVec(from + s * below + u), sum);
          StoreVec(to + u, sum);
        }
      }
    }
  };
  Index k = 0;
  for (; k + kStreams <= depth; k += kStreams) add(k, RowCount<kStreams>());
  for (; k < depth; ++k) add(k, RowCount<1>());
}

template <typename A>
TFRNN_INLINE A LaneSum(Vec<A> x) {
  A lanes[kLanes<A>];
  StoreVec(lanes, x);
  for (int n = kLanes<A> / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) lanes[i] += lanes[i + n];
  }
  return lanes[0];
}

// out[i] (+)= panel row i · the transposed weights of the gates of a set, for some rows of w, which
// are columns of the result. `rows` are the panel rows of block 0.
template <typename L, typename Gates, typename A>
TFRNN_NOINLINE void TransposedInPlace(const A* w, Range columns, Index units, Index block_stride,
                                      const A* const* rows, A* const* out, Index count, bool add) {
  const Index below = L::Cell::kGates * units;
  const auto sum = [&](Index column, auto streams) {
    constexpr int kCount = decltype(streams)::value;
    for (Index i = 0; i < count; ++i) {
      Vec<A> acc[kCount] = {};
      for (int g = 0; g < Gates::kCount; ++g) {
        const A* from = w + column * below + Gates::kList.gate[g] * units;
        const A* panel = rows[i] + Gates::kList.sum[g] * L::kBlock;
        for (Index u = 0; u < units; u += L::kBlock, panel += block_stride, from += L::kBlock) {
#pragma GCC unroll 4
          for (int v = 0; v < L::kBlock; v += kLanes<A>) {
            const Vec<A> x = LoadVec(panel + v);
#pragma GCC unroll 4
            for (int s = 0; s < kCount; ++s) {
              acc[s] = MulAdd(x, LoadVec(from + s * below + v), acc[s]);
            }
          }
        }
      }
      for (int s = 0; s < kCount; ++s) {
        A& to = out[i][column + s];
        to = LaneSum<A>(acc[s]) + (add ? to : A(0));
      }
    }
  };
  Index column = columns.begin;
  for (; column + kStreams <= columns.end; column += kStreams) sum(column, RowCount<kStreams>());
  for (; column < columns.end; ++column) sum(column, RowCount<1>());
}

}  // namespace tfrnn::cpu::TFRNN_ISA
