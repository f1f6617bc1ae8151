// Weights into the order the tiles read them in, converted to the operands' type, padded with
// zeros to whole blocks. Done once per call.
#pragma once

#include "csrc/cpu/tile.h"

namespace tfrnn::cpu::TFRNN_ISA {

// From the type of one element to that of another.
template <typename From, typename To>
TFRNN_INLINE void Assign(From from, To* to) {
  if constexpr (std::is_same_v<From, To>) {
    *to = from;
  } else {
    Store(Load(from), to);
  }
}

// Two rows of bfloat16 as one of pairs. Zeros take the place of a row that is not there.
template <typename T>
TFRNN_INLINE void JoinRows(const T* even, const T* odd, Index count, std::uint32_t* to) {
  if (even == nullptr) {
    for (Index i = 0; i < count; ++i) to[i] = std::uint32_t{odd[i].bits} << 16;
  } else if (odd == nullptr) {
    for (Index i = 0; i < count; ++i) to[i] = even[i].bits;
  } else {
    for (Index i = 0; i < count; ++i) to[i] = even[i].bits | std::uint32_t{odd[i].bits} << 16;
  }
}

// w [depth, G*U] -> packed [block][depth][gates of the set][units of the block].
template <typename L, typename Gates>
constexpr Index PackedElements(Index depth, Index units) {
  return L::Blocks(units) * FullDepth<typename L::E>(depth) * Gates::kCount * L::kBlock;
}

// The rows of w lie far apart, most often in pages of their own: a few at a time for all blocks.
template <typename L, typename Gates, typename T, typename E>
TFRNN_NOINLINE void PackBlocks(const T* w, Index depth, Index units, Range blocks, E* packed) {
  constexpr Index kRowsAtOnce = 16;
  const Index below = L::Cell::kGates * units;  // elements from a row of w to the next
  for (Index first_row = 0; first_row < depth; first_row += kRowsAtOnce) {
    const Index end = Min(first_row + kRowsAtOnce, depth);
    for (Index block = blocks.begin; block < blocks.end; ++block) {
      const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
      E* const row = packed + block * PackedElements<L, Gates>(depth, 1) +
                     first_row * Gates::kCount * L::kBlock;
      auto* to = reinterpret_cast<Scalar<E>*>(row);
      for (Index k = first_row; k < end; k += kDepth<E>) {
        for (int g = 0; g < Gates::kCount; ++g, to += L::kBlock) {
          const T* const from = w + k * below + Gates::kList.gate[g] * units + first;
          if constexpr (kNarrow<E>) {
            JoinRows(from, k + 1 < depth ? from + below : nullptr, count, to);
          } else {
            for (Index u = 0; u < count; ++u) to[u] = Load(from[u]);
          }
          for (Index u = count; u < L::kBlock; ++u) to[u] = Scalar<E>(0);
        }
      }
    }
  }
}
template <typename L, typename Gates, typename T, typename E>
void PackBlock(const T* w, Index depth, Index units, Index block, E* packed) {
  PackBlocks<L, Gates>(w, depth, units, {block, block + 1}, packed);
}

// w [width, G*U] transposed -> packed [tile of columns][block][gate][unit of the block][column],
// where a column is a row of w: the operand of PanelGemm.
template <typename L, typename Gates>
constexpr Index TransposedElements(Index width, Index units) {
  return L::Tiles(width) * L::Blocks(units) * Gates::kCount * L::kBlock * L::kColumns;
}

// A piece of it: to[unit][column] = rows[column][unit], for `count` units of `valid` rows that lie
// `below` elements apart, and zeros beyond them.
template <typename L, typename T>
TFRNN_INLINE void TransposePiece(const T* rows, Index below, Index valid, Index count,
                                 Scalar<typename L::E>* to) {
  using E = typename L::E;
  constexpr Index kUnits = L::kBlock / kDepth<E>;  // in scalars
  for (Index c = 0; c < L::kColumns; ++c) {
    const Index units = c < valid ? count : 0;
    const T* const from = rows + (units > 0 ? c * below : 0);
    Index u = 0;
    for (; u < units / kDepth<E>; ++u) {
      if constexpr (kNarrow<E>) {
        to[u * L::kColumns + c] = Operand<E>::LoadScalar(from + u * kDepth<E>);
      } else {
        to[u * L::kColumns + c] = Load(from[u]);
      }
    }
    if constexpr (kNarrow<E>) {
      if (units % 2 > 0) to[u++ * L::kColumns + c] = from[units - 1].bits;
    }
    for (; u < kUnits; ++u) to[u * L::kColumns + c] = Scalar<E>(0);
  }
}
// The same of a whole piece, vectors at a time.
template <typename L, typename A>
TFRNN_INLINE void TransposeWholePiece(const A* rows, Index below, A* to) {
  constexpr int kN = kLanes<A>;
  for (Index unit = 0; unit < L::kBlock; unit += kN) {
    for (Index column = 0; column < L::kColumns; column += kN) {
      Vec<A> square[kN];
#pragma GCC unroll 16
      for (int i = 0; i < kN; ++i) square[i] = LoadVec(rows + (column + i) * below + unit);
      Transpose<A>(square);
#pragma GCC unroll 16
      for (int i = 0; i < kN; ++i) StoreVec(to + (unit + i) * L::kColumns + column, square[i]);
    }
  }
}

template <typename L, typename Gates, typename T, typename E>
TFRNN_NOINLINE void PackTransposed(const T* w, Index width, Index units, Index tile, E* packed) {
  const Index blocks = L::Blocks(units), first_column = tile * L::kColumns;
  const Index valid = Min(width - first_column, L::kColumns), below = L::Cell::kGates * units;
  auto* to = reinterpret_cast<Scalar<E>*>(packed + tile * TransposedElements<L, Gates>(1, units));
  for (Index block = 0; block < blocks; ++block) {
    const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
    for (int g = 0; g < Gates::kCount; ++g, to += L::kBlock / kDepth<E> * L::kColumns) {
      const T* const rows = w + first_column * below + Gates::kList.gate[g] * units + first;
      if constexpr (std::is_same_v<T, typename L::A>) {
        if (valid == L::kColumns && count == L::kBlock) {
          TransposeWholePiece<L>(rows, below, to);
          continue;
        }
      }
      TransposePiece<L>(rows, below, valid, count, to);
    }
  }
}

// bias [kBiases, G*U], may be absent -> packed [block][sums][units of the block].
template <typename L, typename T, typename A>
void PackBias(const T* bias, Index units, Index block, A* packed) {
  using Cell = typename L::Cell;
  const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
  A* to = packed + block * Cell::kSums * L::kBlock;
  for (Index i = 0; i < Cell::kSums * L::kBlock; ++i) to[i] = A(0);
  if (bias == nullptr) return;
  for (int row = 0; row < Cell::kBiases; ++row) {
    for (int g = 0; g < Cell::kGates; ++g) {
      const int sum = row == 0 ? Cell::InputSum(g) : Cell::RecurrentSum(g);
      const T* from = bias + (row * Cell::kGates + g) * units + first;
      for (Index u = 0; u < count; ++u) to[sum * L::kBlock + u] += Load(from[u]);
    }
  }
}

// Rows between storage, operand and compute type.
template <typename From, typename To>
void LoadRow(const From* from, Index count, To* to) {
  for (Index i = 0; i < count; ++i) Assign(from[i], to + i);
}
template <typename From, typename To>
void StoreRow(const From* from, Index count, To* to) {
  for (Index i = 0; i < count; ++i) Assign(from[i], to + i);
}

}  // namespace tfrnn::cpu::TFRNN_ISA
