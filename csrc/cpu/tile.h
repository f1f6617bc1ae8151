// The one inner loop of the engine: a register tile of rows times vectors,
//   acc[i][target(j)] += a(i, k) * b(k)[offset(j)]   for k in [0, count),
// where a "k" is as many neighbours along the sum as are multiplied at once, see operand.h. Every
// tile height sums in the same order, so results do not depend on how rows are grouped.
#pragma once

#include "csrc/cpu/layout.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Operand a as rows scattered in memory, contiguous along k. With kGates > 1 every k has a value of
// its own for each gate, side by side.
template <typename E, int kRows, int kGates = 1>
struct RowPointers {
  static constexpr bool kPerGate = kGates > 1;
  const E* row[kRows];
  TFRNN_INLINE Scalar<E> At(int i, Index k, int gate) const {
    return Operand<E>::LoadScalar(row[i] + (k * kGates + (kPerGate ? gate : 0)) * kDepth<E>);
  }
};
// Operand a packed [k][kRows], or [k][kRows][kGates].
template <typename E, int kRows, int kGates = 1>
struct PackedRows {
  static constexpr bool kPerGate = kGates > 1;
  const Scalar<E>* packed;
  TFRNN_INLINE Scalar<E> At(int i, Index k, int gate) const {
    return packed[(k * kRows + i) * kGates + (kPerGate ? gate : 0)];
  }
};

// Operand b: where its row k starts, and where the row has vector j of the columns. Row after row
// of kStride elements, or the rows that a list names:
template <typename E, int kStride>
struct EveryRow {
  const E* first;
  TFRNN_INLINE const E* At(Index k) const { return first + k * kStride; }
  template <typename Columns>
  TFRNN_INLINE const E* Vector(const E* row, int j) const {
    return row + Columns::Offset(j) * kLanes<E>;
  }
};
template <typename E, int kStride>
struct ListedRows {
  const E* base;
  const Index* last;  // in the list, which is read backwards
  TFRNN_INLINE const E* At(Index k) const { return base + last[-k] * kStride; }
  template <typename Columns>
  TFRNN_INLINE const E* Vector(const E* row, int j) const {
    return row + Columns::Offset(j) * kLanes<E>;
  }
};
// The columns of b: vectors at Offset(j) of a row of kStride elements, added to accumulator
// Target(j) of kTargets, for gate Gate(j) of those in question. Recurrent or input weights packed
// [k][gate][units of the block]:
template <template <typename> class CellT, typename E, typename Gates>
struct WeightColumns {
  using L = Layout<CellT, E>;
  static constexpr int kVecs = Gates::kCount * L::kUnitVecs;
  static constexpr int kTargets = L::kSumVecs;
  static constexpr int kStride = kVecs * kLanes<E>;
  static constexpr int Gate(int j) { return j / L::kUnitVecs; }
  static constexpr int Offset(int j) { return j; }
  static constexpr int Target(int j) {
    return Gates::kList.sum[j / L::kUnitVecs] * L::kUnitVecs + j % L::kUnitVecs;
  }
};
// The gradients of a panel row's sums that belong to some gates:
template <template <typename> class CellT, typename E, typename Gates>
struct PanelColumns {
  using L = Layout<CellT, E>;
  static constexpr int kVecs = Gates::kCount * L::kUnitVecs;
  static constexpr int kTargets = kVecs;
  static constexpr int kStride = L::kRow;
  static constexpr int Gate(int j) { return j / L::kUnitVecs; }
  static constexpr int Offset(int j) {
    return Gates::kList.sum[j / L::kUnitVecs] * L::kUnitVecs + j % L::kUnitVecs;
  }
  static constexpr int Target(int j) { return j; }
};
// The same taken out of the panel, side by side:
template <template <typename> class CellT, typename E, typename Gates>
struct GatheredColumns : PanelColumns<CellT, E, Gates> {
  static constexpr int kStride = PanelColumns<CellT, E, Gates>::kVecs * kLanes<E>;
  static constexpr int Offset(int j) { return j; }
};
// The same columns of some blocks side by side, whose rows lie `stride` elements apart:
template <typename Columns, int kBlocks>
struct RepeatedColumns {
  static constexpr int kVecs = kBlocks * Columns::kVecs, kTargets = kVecs;
  static constexpr int Gate(int j) { return Columns::Gate(j % Columns::kVecs); }
  static constexpr int Target(int j) { return j; }
};
template <typename Columns, typename Right>
struct SideBySide {
  Right first;
  Index stride;
  TFRNN_INLINE auto At(Index k) const { return first.At(k); }
  template <typename, typename E>
  TFRNN_INLINE const E* Vector(const E* row, int j) const {
    return first.template Vector<Columns>(row + j / Columns::kVecs * stride, j % Columns::kVecs);
  }
};
// Transposed weights packed [k][4 vectors], or the first few of them:
template <typename E, int kCount = 4>
struct PlainColumns {
  static constexpr int kVecs = kCount, kTargets = kCount, kStride = 4 * kLanes<E>;
  static constexpr int Gate(int) { return 0; }
  static constexpr int Offset(int j) { return j; }
  static constexpr int Target(int j) { return j; }
};

template <typename Columns, int kRows, typename E, typename Left, typename Right>
TFRNN_INLINE void Accumulate(Vec<ComputeType<E>> (&acc)[kRows][Columns::kTargets], const Left& a,
                             const Right& rows, Index count) {
  using O = Operand<E>;
  using X = typename O::Vector;
  constexpr int kVecs = Columns::kVecs;
  for (Index k = 0; k < count; ++k) {
    const E* const b = rows.At(k);
    if constexpr (kHoldWeights) {
      X weight[kVecs];
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) {
        weight[j] = O::Load(rows.template Vector<Columns>(b, j));
      }
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const X x = O::Spread(a.At(i, k, 0));
#pragma GCC unroll 8
        for (int j = 0; j < kVecs; ++j) {
          const X own = Left::kPerGate ? O::Spread(a.At(i, k, Columns::Gate(j))) : x;
          auto& sum = acc[i][Columns::Target(j)];
          sum = O::MulAdd(own, weight[j], sum);
        }
      }
    } else {  // sixteen registers: hold the broadcasts, one weight at a time
      X x[kRows];
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) x[i] = O::Spread(a.At(i, k, 0));
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) {
        const X weight = O::Load(rows.template Vector<Columns>(b, j));
        asm volatile("");  // keeps the compiler from loading all weights first and spilling
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
          const X own = Left::kPerGate ? O::Spread(a.At(i, k, Columns::Gate(j))) : x[i];
          auto& sum = acc[i][Columns::Target(j)];
          sum = O::MulAdd(own, weight, sum);
        }
      }
    }
  }
}

template <int n>
struct RowCount {
  static constexpr int value = n;
};

// Cuts `count` rows into tiles of nearly equal height, at most kTileRows: body(first, RowCount).
template <typename Body>
TFRNN_INLINE void ForTiles(Index count, const Body& body) {
  const Index tiles = CeilDiv(count, kTileRows);
  for (Index i = 0; i < tiles; ++i) {
    const Range rows = PartOf(count, i, tiles);
    switch (rows.end - rows.begin) {
      case 1:
        body(rows.begin, RowCount<1>());
        break;
      case 2:
        body(rows.begin, RowCount<2>());
        break;
      case 3:
        body(rows.begin, RowCount<3>());
        break;
      default:
        if constexpr (kTileRows > 3) {
          if (rows.end - rows.begin == 4) {
            body(rows.begin, RowCount<4>());
          } else if (rows.end - rows.begin == 5) {
            body(rows.begin, RowCount<5>());
          } else {
            body(rows.begin, RowCount<6>());
          }
        }
    }
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
