// The products of the general loops: sums of rows, without the cell on top.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

// out[i] (+)= operand row i · packed weights of the gates of a set (see PackBlock), as the sums of
// a panel row whose blocks lie `stride` apart. With kDropped an operand row has a value for every
// gate. Sums that belong to no gate of the set come out as zero.
template <template <typename> class CellT, typename A, typename Gates, bool kDropped>
TFRNN_NOINLINE void GateSums(const A* packed, Index depth, Index units, const A* const* operands,
                             A* const* out, Index stride, Index count, bool add) {
  using L = Layout<CellT, A>;
  using Columns = WeightColumns<CellT, A, Gates>;
  for (Index block = 0; block < L::Blocks(units); ++block) {
    const EveryRow<A, Columns::kStride> weights{packed + block * depth * Columns::kStride};
    ForTiles(count, [&](Index first, auto tile) {
      constexpr int kRows = decltype(tile)::value;
      Vec<A> acc[kRows][L::kSumVecs];
      RowPointers<A, kRows, kDropped ? Gates::kCount : 1> rows;
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        rows.row[i] = operands[first + i];
        const A* const from = out[first + i] + block * stride;
#pragma GCC unroll 8
        for (int j = 0; j < L::kSumVecs; ++j) {
          acc[i][j] = add ? LoadVec(from + j * kLanes<A>) : Vec<A>{};
        }
      }
      Accumulate<Columns, kRows, A>(acc, rows, weights, depth);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        A* const to = out[first + i] + block * stride;
#pragma GCC unroll 8
        for (int j = 0; j < L::kSumVecs; ++j) StoreVec(to + j * kLanes<A>, acc[i][j]);
      }
    });
  }
}

// A matrix [depth, width], or the transpose of [width, depth], as [tile of columns][depth][column].
template <typename L, typename T, typename A>
TFRNN_NOINLINE void PackPlain(const T* w, Index depth, Index width, bool transposed, A* packed) {
  for (Index tile = 0; tile < L::Tiles(width); ++tile) {
    for (Index k = 0; k < depth; ++k) {
      for (Index c = 0; c < L::kColumns; ++c, ++packed) {
        const Index column = tile * L::kColumns + c;
        *packed = column >= width ? A(0)
                  : transposed    ? Load(w[column * depth + k])
                                  : Load(w[k * width + column]);
      }
    }
  }
}

// out[i] = row i · packed, padded to whole tiles.
template <typename L, typename A>
TFRNN_NOINLINE void PlainGemm(const A* packed, Index depth, Index width, const A* const* rows,
                              A* const* out, Index count) {
  for (Index tile = 0; tile < L::Tiles(width); ++tile) {
    const EveryRow<A, L::kColumns> weights{packed + tile * depth * L::kColumns};
    ForTiles(count, [&](Index first, auto height) {
      constexpr int kRows = decltype(height)::value;
      Vec<A> acc[kRows][4] = {};
      RowPointers<A, kRows> left;
      for (int i = 0; i < kRows; ++i) left.row[i] = rows[first + i];
      Accumulate<PlainColumns<A>, kRows, A>(acc, left, weights, depth);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          StoreVec(out[first + i] + tile * L::kColumns + j * kLanes<A>, acc[i][j]);
        }
      }
    });
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
