// One step of the recurrence for some rows of the batch: x·kernel and h·recurrent_kernel in one
// loop over the packed weights, the cell straight on the accumulators.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

// What a step reads and writes of one batch row. h may be shorter than padded, the others are
// padded to whole blocks.
template <typename E>
struct ForwardRow {
  using A = ComputeType<E>;
  const E* x = nullptr;     // [C], not with sums
  const A* sums = nullptr;  // of block 0, if computed before: see Inputs
  E* dropped_x[2] = {};     // per phase [C][gates], with dropout only
  E* dropped_h = nullptr;   // [U][gates of a phase], with dropout only
  const E* h = nullptr;
  E* next_h = nullptr;
  const A* prev[kMaxStates] = {};  // states other than h
  A* next[kMaxStates] = {};        // likewise, may be updated in place
  E* kept[kMaxStates] = {};        // likewise for the gradient, or none: then it is next
  E* saved = nullptr;              // panel row of block 0, or none
  E* operand = nullptr;            // [padded units], cells with two phases only
};

template <typename E>
struct ForwardWeights {
  const E* input[2] = {};                // per phase, see PackBlocks
  const E* recurrent[2] = {};            // likewise
  const ComputeType<E>* bias = nullptr;  // see PackBias
  Index input_depth = 0, units = 0;
  Index saved_stride = 0;  // elements from a panel row to the same row of the next block
  Index sums_stride = 0;   // likewise, from a row of sums; and from a sum of a unit to the next
  Index sum_stride = 0;
};

// How a step gets x·kernel, and which operands it multiplies.
enum class Inputs {
  kNow,      // computes it, from x
  kAhead,    // finds it, computed by SumsAhead
  kDropped,  // computes it; x and h come with a value for each gate
  kSummed,   // finds it, and h·recurrent_kernel too
};

// Where the weights of a block are.
template <typename Columns, typename E>
TFRNN_INLINE EveryRow<E, Columns::kStride> WeightsOf(const E* weights, Index block, Index depth) {
  return {weights + block * Products<E>(depth) * Columns::kStride};
}

// The accumulators of a tile. A name of its own: Clang cannot parse it as a parameter.
template <template <typename> class CellT, typename E, int kRows>
using Sums = Vec<ComputeType<E>>[kRows][Layout<CellT, E>::kSumVecs];

// Adds x·kernel to the accumulators of a tile that hold the bias.
template <template <typename> class CellT, typename E, int kPhase, int kRows, typename Left>
TFRNN_INLINE void AddInput(Sums<CellT, E, kRows>& acc, const ForwardWeights<E>& w, Index block,
                           const Left& x) {
  using L = Layout<CellT, E>;
  using Columns = WeightColumns<CellT, E, GateSet<typename L::Cell, kPhase, false>>;
  const auto weights = WeightsOf<Columns>(w.input[kPhase], block, w.input_depth);
  Accumulate<Columns, kRows, E>(acc, x, weights, Products<E>(w.input_depth));
}

template <template <typename> class CellT, typename E, int kPhase, Inputs kInputs, int kRows>
TFRNN_INLINE void ForwardTile(const ForwardWeights<E>& w, Index block,
                              const ForwardRow<E>* const* rows) {
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;
  using V = Vec<A>;
  using Gates = GateSet<Cell, kPhase, true>;
  using Recurrent = WeightColumns<CellT, E, Gates>;
  constexpr bool kSummed = kInputs == Inputs::kSummed, kDropped = kInputs == Inputs::kDropped;
  constexpr bool kAhead = kInputs == Inputs::kAhead || kSummed;
  constexpr int kU = L::kUnitVecs, kN = kLanes<A>;

  Sums<CellT, E, kRows> acc;
  RowPointers<E, kRows, kDropped ? Gates::kCount : 1> x, h;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    x.row[i] = kDropped ? rows[i]->dropped_x[kPhase] : rows[i]->x;
    h.row[i] = kDropped ? rows[i]->dropped_h : kPhase == 0 ? rows[i]->h : rows[i]->operand;
#pragma GCC unroll 8
    for (int j = 0; j < L::kSumVecs; ++j) {
      acc[i][j] =
          kAhead
              ? LoadVec(rows[i]->sums + block * w.sums_stride + j / kU * w.sum_stride + j % kU * kN)
              : LoadVec(w.bias + (block * L::kSumVecs + j) * kN);
    }
  }
  if constexpr (!kAhead) AddInput<CellT, E, kPhase, kRows>(acc, w, block, x);
  if constexpr (!kSummed) {
    const auto weights = WeightsOf<Recurrent>(w.recurrent[kPhase], block, w.units);
    Accumulate<Recurrent, kRows, E>(acc, h, weights, Products<E>(w.units));
  }

  const SavingFunctions<E> fn;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const ForwardRow<E>& row = *rows[i];
    E* const panel = row.saved == nullptr ? nullptr : row.saved + block * w.saved_stride;
#pragma GCC unroll 8
    for (int v = 0; v < kU; ++v) {
      const Index unit = block * L::kBlock + v * kN;
      V sums[Cell::kSums], prev[Cell::kStates], next[Cell::kStates], saved[Cell::kSaved];
      for (int s = 0; s < Cell::kSums; ++s) sums[s] = acc[i][s * kU + v];
      prev[0] = LoadPart(row.h + unit, w.units - unit);
      for (int s = 1; s < Cell::kStates; ++s) prev[s] = LoadVec(row.prev[s] + unit);
      if constexpr (kPhase + 1 < Cell::kPhases) {
        Cell::Prepare(fn, sums, prev, saved);
        StoreVec(row.operand + unit, saved[Cell::kOperand]);
        saved[2] = V{};
      } else {
        if constexpr (Cell::kPhases > 1) {
          for (int k = 0; k < Cell::kSaved; ++k) saved[k] = LoadVec(panel + (k * kU + v) * kN);
        }
        Cell::Forward(fn, sums, prev, next, saved);
        StorePart(row.next_h + unit, next[0], w.units - unit);
        for (int s = 1; s < Cell::kStates; ++s) {
          StoreVec(row.next[s] + unit, next[s]);
          if (kNarrow<E> && panel != nullptr) StoreVec(row.kept[s] + unit, next[s]);
        }
      }
      if (panel != nullptr) {
        for (int k = 0; k < Cell::kSaved; ++k) StoreVec(panel + (k * kU + v) * kN, saved[k]);
      }
    }
  }
}

// One phase of a step, for the units of some blocks.
template <template <typename> class CellT, typename E, int kPhase, Inputs kInputs>
TFRNN_NOINLINE void ForwardPhase(const ForwardWeights<E>& w, Range blocks,
                                 const ForwardRow<E>* const* rows, Index count) {
  for (Index block = blocks.begin; block < blocks.end; ++block) {
    ForTiles(count, [&](Index first, auto tile) {
      ForwardTile<CellT, E, kPhase, kInputs, decltype(tile)::value>(w, block, rows + first);
    });
  }
}

// x·kernel + bias of `count` rows at once, which a step then starts from: with few rows in a
// batch, a tile of many times reads the weights once for all of them. sums is
// [block][count][kSums][units of the block]. Sums come out as those of ForwardTile, bit by bit.
template <template <typename> class CellT, typename E>
TFRNN_NOINLINE void SumsAhead(const ForwardWeights<E>& w, Range blocks, const E* const* x,
                              Index count, ComputeType<E>* sums) {
  using L = Layout<CellT, E>;
  using A = typename L::A;
  for (Index block = blocks.begin; block < blocks.end; ++block) {
    ForTiles(count, [&](Index first, auto tile) {
      constexpr int kRows = decltype(tile)::value;
      Sums<CellT, E, kRows> acc;
      RowPointers<E, kRows> rows;
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        rows.row[i] = x[first + i];
#pragma GCC unroll 8
        for (int j = 0; j < L::kSumVecs; ++j) {
          acc[i][j] = LoadVec(w.bias + (block * L::kSumVecs + j) * kLanes<A>);
        }
      }
      AddInput<CellT, E, 0, kRows>(acc, w, block, rows);
      if constexpr (L::Cell::kPhases == 2) {
        AddInput<CellT, E, 1, kRows>(acc, w, block, rows);
      }
      A* to = sums + block * w.sums_stride + first * L::kSumVecs * kLanes<A>;
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < L::kSumVecs; ++j, to += kLanes<A>) StoreVec(to, acc[i][j]);
      }
    });
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
