// dprojection: the product over all times of what was projected and the gradient of the result.
#pragma once

#include "csrc/cpu/general/reserve.h"
#include "csrc/cpu/pack.h"
#include "csrc/cpu/steps.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Operand a as columns of a matrix whose rows are listed, last first.
template <typename A>
struct ListedColumns {
  static constexpr bool kPerGate = false;
  const A* first;
  const Steps& steps;
  Index stride;
  TFRNN_INLINE A At(int i, Index k, int) const {
    return first[steps[steps.count() - 1 - k] * stride + i];
  }
};
// Operand b as listed rows of a matrix, last first.
template <typename A>
struct ListedMatrix {
  const A* first;
  const Steps& steps;
  Index stride;
  TFRNN_INLINE const A* At(Index k) const { return first + steps[steps.count() - 1 - k] * stride; }
  template <typename Columns>
  TFRNN_INLINE const A* Vector(const A* row, int j) const {
    return row + Columns::Offset(j) * kLanes<A>;
  }
};

// The rows of dprojection that fall to `shard`; `sums` [U, padded columns] is what they are summed
// up in.
template <template <typename> class CellT, typename T>
void ProjectionGradient(const WeightGradientArgs<T>& a, const Steps& steps, int shard, int shards,
                        ComputeType<T>* sums) {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  const RnnShape& s = a.shape;
  const GeneralReserve<CellT, A> reserve(const_cast<void*>(a.dgates), s, a.options);
  const Index columns = L::PaddedColumns(s.projection), padded = L::Padded(s.units);
  const Range rows = PartOf(s.units, shard, shards);
  for (Index tile = 0; tile < L::Tiles(s.projection); ++tile) {
    const Index first = tile * L::kColumns, width = Min(L::kColumns, s.projection - first);
    const ListedMatrix<A> right{reserve.dprojected + first, steps, columns};
    ForTiles(rows.end - rows.begin, [&](Index row, auto height) {
      constexpr int kRows = decltype(height)::value;
      Vec<A> acc[kRows][4];
      A* const own = sums + (rows.begin + row) * columns + first;
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < 4; ++j) {
          acc[i][j] = a.continues ? LoadVec(own + i * columns + j * kLanes<A>) : Vec<A>{};
        }
      }
      const ListedColumns<A> left{reserve.hidden + rows.begin + row, steps, padded};
      Accumulate<PlainColumns<A>, kRows, A>(acc, left, right, steps.count());
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < 4; ++j) StoreVec(own + i * columns + j * kLanes<A>, acc[i][j]);
        StoreRow(own + i * columns, width,
                 a.dprojection + (rows.begin + row + i) * s.projection + first);
      }
    });
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
