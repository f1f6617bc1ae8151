// Gradients of sums times transposed weights: dh, dx and the gradient of a second phase's
// operand. The rows come straight out of the panels.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

// acc += panel row · packed, over the blocks of `blocks` and the gates of the set. The `after` rows
// that follow are fetched into the caches meanwhile: pieces of them lie far apart.
template <template <typename> class CellT, typename E, typename Gates, int kRows, int kVecs>
TFRNN_INLINE void PanelTile(Vec<ComputeType<E>> (&acc)[kRows][kVecs], const E* const* rows,
                            Index after, Index block_stride, Range blocks, const E* packed) {
  using L = Layout<CellT, E>;
  using Columns = PlainColumns<E, kVecs>;
  for (Index block = blocks.begin; block < blocks.end; ++block) {
    for (Index i = 0; i < after; ++i) {
      Prefetch<L::kRow>(rows[kRows + i] + block * block_stride);
    }
    for (int g = 0; g < Gates::kCount;) {
      int end = g + 1;  // sums that lie side by side are one run
      while (end < Gates::kCount && Gates::kList.sum[end] == Gates::kList.sum[end - 1] + 1) ++end;
      RowPointers<E, kRows> a;
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        a.row[i] = rows[i] + block * block_stride + Gates::kList.sum[g] * L::kBlock;
      }
      const Index depth = (end - g) * L::kBlock;
      const EveryRow<E, Columns::kStride> b{packed};
      Accumulate<Columns, kRows, E>(acc, a, b, Products<E>(depth));
      packed += depth * L::kColumns;
      g = end;
    }
  }
}

// out[i] (+)= panel row i · packed, for the first kVecs vectors of a tile of columns. Depth is cut
// so that a piece of packed weights stays in the L2 cache.
template <template <typename> class CellT, typename E, typename Gates, int kVecs>
TFRNN_INLINE void PanelColumnsGemm(const E* packed, Index tile, Index units, Index block_stride,
                                   const E* const* rows, ComputeType<E>* const* out, Index count,
                                   bool add) {
  using L = Layout<CellT, E>;
  using A = typename L::A;
  constexpr Index kBlockDepth = Gates::kCount * L::kBlock;
  constexpr Index kChunk = Max(1, 1024 * kDepth<E> / kBlockDepth);
  const Index blocks = L::Blocks(units);
  for (Index first = 0; first < blocks; first += kChunk) {
    const Range chunk{first, Min(first + kChunk, blocks)};
    const E* const b = packed + (tile * blocks + first) * kBlockDepth * L::kColumns;
    ForTiles(count, [&](Index row, auto height) {
      constexpr int kRows = decltype(height)::value;
      Vec<A> acc[kRows][kVecs];
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < kVecs; ++j) {
          acc[i][j] = add || first > 0 ? LoadVec(out[row + i] + tile * L::kColumns + j * kLanes<A>)
                                       : Vec<A>{};
        }
      }
      const Index after = Min(kRows, count - row - kRows);
      PanelTile<CellT, E, Gates>(acc, rows + row, after, block_stride, chunk, b);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < kVecs; ++j) {
          StoreVec(out[row + i] + tile * L::kColumns + j * kLanes<A>, acc[i][j]);
        }
        if (kVecs < 4 && !add) {  // products with zeros
          for (Index c = kVecs * kLanes<A>; c < L::kColumns; ++c) {
            out[row + i][tile * L::kColumns + c] = A(0);
          }
        }
      }
    });
  }
}

// The same for some tiles of `width` columns in all (see PackTransposed). `rows` are the panel rows
// of block 0.
template <template <typename> class CellT, typename E, typename Gates>
TFRNN_NOINLINE void PanelGemm(const E* packed, Range tiles, Index width, Index units,
                              Index block_stride, const E* const* rows, ComputeType<E>* const* out,
                              Index count, bool add) {
  using L = Layout<CellT, E>;
  for (Index tile = tiles.begin; tile < tiles.end; ++tile) {
    if (width - tile * L::kColumns <= L::kColumns / 2) {
      PanelColumnsGemm<CellT, E, Gates, 2>(packed, tile, units, block_stride, rows, out, count,
                                           add);
    } else {
      PanelColumnsGemm<CellT, E, Gates, 4>(packed, tile, units, block_stride, rows, out, count,
                                           add);
    }
  }
}

// The same where every gate has factors of its own for the columns: out[i] (+)= the sum over the
// gates of factor · (panel row i of the gate · packed). factors[i] are those of the first gate of
// the cell, padded like `out`, with those of the next gate `gate_stride` elements further.
template <template <typename> class CellT, typename E, typename Gates>
TFRNN_NOINLINE void DroppedPanelGemm(const E* packed, Range tiles, Index units, Index block_stride,
                                     const E* const* rows, const ComputeType<E>* const* factors,
                                     Index gate_stride, ComputeType<E>* const* out, Index count,
                                     bool add) {
  using L = Layout<CellT, E>;
  using A = typename L::A;
  const Index blocks = L::Blocks(units);
  for (Index tile = tiles.begin; tile < tiles.end; ++tile) {
    for (int g = 0; g < Gates::kCount; ++g) {
      ForTiles(count, [&](Index row, auto height) {
        constexpr int kRows = decltype(height)::value;
        Vec<A> acc[kRows][4] = {};
        for (Index block = 0; block < blocks; ++block) {
          RowPointers<E, kRows> a;
          for (int i = 0; i < kRows; ++i) {
            a.row[i] = rows[row + i] + block * block_stride + Gates::kList.sum[g] * L::kBlock;
          }
          const Index depth = ((tile * blocks + block) * Gates::kCount + g) * L::kBlock;
          const EveryRow<E, PlainColumns<E>::kStride> b{packed + depth * L::kColumns};
          Accumulate<PlainColumns<E>, kRows, E>(acc, a, b, Products<E>(L::kBlock));
        }
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
          const A* const factor =
              factors[row + i] + Gates::kList.gate[g] * gate_stride + tile * L::kColumns;
          A* const to = out[row + i] + tile * L::kColumns;
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            const Index at = j * kLanes<A>;
            const Vec<A> before = add || g > 0 ? LoadVec(to + at) : Vec<A>{};
            StoreVec(to + at, MulAdd(acc[i][j], LoadVec(factor + at), before));
          }
        }
      });
    }
  }
}

// Dropout factors [G, B, width] in the compute type, padded to whole tiles: [G, B, columns].
template <typename L, typename T, typename A>
TFRNN_NOINLINE void PadFactors(const T* factors, Index batch, Index width, A* to) {
  for (Index row = 0; row < L::Cell::kGates * batch; ++row, to += L::PaddedColumns(width)) {
    LoadRow(factors + row * width, width, to);
    for (Index c = width; c < L::PaddedColumns(width); ++c) to[c] = A(0);
  }
}

// All tiles of PackTransposed, shared out over the pool.
template <typename L, typename Gates, typename T, typename E>
void PackAllTransposed(const T* w, Index width, Index units, E* packed, const Pool& pool) {
  const Index tiles = L::Tiles(width);
  const int packers = static_cast<int>(Max(1, Min(pool.threads, tiles)));
  ParallelFor(pool, packers, [&](int i) {
    const Range part = PartOf(tiles, i, packers);
    for (Index tile = part.begin; tile < part.end; ++tile) {
      PackTransposed<L, Gates>(w, width, units, tile, packed);
    }
  });
}

}  // namespace tfrnn::cpu::TFRNN_ISA
