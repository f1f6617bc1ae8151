// Weights into the order the tiles read them in, converted to the compute type, padded with
// zeros to whole blocks. Done once per call.
#pragma once

#include "csrc/cpu/tile.h"

namespace tfrnn::cpu::TFRNN_ISA {

// w [depth, G*U] -> packed [block][depth][gates of the set][units of the block].
template <typename L, typename Gates>
constexpr Index PackedElements(Index depth, Index units) {
  return L::Blocks(units) * depth * Gates::kCount * L::kBlock;
}

template <typename L, typename Gates, typename T, typename A>
TFRNN_NOINLINE void PackBlock(const T* w, Index depth, Index units, Index block, A* packed) {
  const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
  A* to = packed + block * depth * Gates::kCount * L::kBlock;
  for (Index k = 0; k < depth; ++k) {
    for (int g = 0; g < Gates::kCount; ++g, to += L::kBlock) {
      const T* from = w + (k * L::Cell::kGates + Gates::kList.gate[g]) * units + first;
      for (Index u = 0; u < count; ++u) to[u] = Load(from[u]);
      for (Index u = count; u < L::kBlock; ++u) to[u] = A(0);
    }
  }
}

// w [width, G*U] transposed -> packed [tile of columns][block][gate][unit of the block][column],
// where a column is a row of w: the operand of PanelGemm.
template <typename L, typename Gates>
constexpr Index TransposedElements(Index width, Index units) {
  return L::Tiles(width) * L::Blocks(units) * Gates::kCount * L::kBlock * L::kColumns;
}

template <typename L, typename Gates, typename T, typename A>
TFRNN_NOINLINE void PackTransposed(const T* w, Index width, Index units, Index tile, A* packed) {
  const Index blocks = L::Blocks(units), first_column = tile * L::kColumns;
  A* to = packed + tile * blocks * Gates::kCount * L::kBlock * L::kColumns;
  for (Index block = 0; block < blocks; ++block) {
    const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
    for (int g = 0; g < Gates::kCount; ++g, to += L::kBlock * L::kColumns) {
      for (Index c = 0; c < L::kColumns; ++c) {
        const Index row = first_column + c;
        const Index valid = row < width ? count : 0;
        const T* from = w;
        if (valid > 0) from += (row * L::Cell::kGates + Gates::kList.gate[g]) * units + first;
        for (Index u = 0; u < valid; ++u) to[u * L::kColumns + c] = Load(from[u]);
        for (Index u = valid; u < L::kBlock; ++u) to[u * L::kColumns + c] = A(0);
      }
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

// Rows between storage and compute type.
template <typename T, typename A>
void LoadRow(const T* from, Index count, A* to) {
  for (Index i = 0; i < count; ++i) to[i] = Load(from[i]);
}
template <typename T, typename A>
void StoreRow(const A* from, Index count, T* to) {
  for (Index i = 0; i < count; ++i) Store(from[i], to + i);
}

}  // namespace tfrnn::cpu::TFRNN_ISA
