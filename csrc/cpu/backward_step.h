// One step of the recurrence backwards for some rows of the batch.
#pragma once

#include "csrc/cpu/in_place.h"
#include "csrc/cpu/panel_gemm.h"
#include "csrc/cpu/split.h"

namespace tfrnn::cpu::TFRNN_ISA {

// What a step reads and writes of one batch row. h and doutput hold `units` values, the others are
// padded.
template <typename E>
struct BackwardRow {
  using A = ComputeType<E>;
  const E* saved = nullptr;        // panel row of block 0
  E* dsums = nullptr;              // panel row of block 0, may be the same memory
  const A* h = nullptr;            // before the step
  const E* prev[kMaxStates] = {};  // states other than h
  const E* next[kMaxStates] = {};  // likewise
  const A* doutput = nullptr;
  A* dstate[kMaxStates] = {};  // gradient of next on entry, of prev on return
  A* doperand = nullptr;       // cells with two phases only
  const A* factors = nullptr;  // of the first gate, see DroppedPanelGemm; with dropout only
};

template <typename E>
struct BackwardWeights {
  const E* recurrent[2] = {};   // per phase, see PackTransposed
  const E* in_place = nullptr;  // all of them as they lie, instead
  Index units = 0;
  Index panel_stride = 0;   // elements from a panel row to the same row of the next block
  Index factor_stride = 0;  // elements from a gate's dropout factors to the next gate's
};

// What Backward reads of a row for the units of a block, into the caches: rows of a batch lie far
// apart, so the processor does not foresee the next.
template <template <typename> class CellT, typename E>
TFRNN_INLINE void FetchCells(const BackwardWeights<E>& w, Index block, const BackwardRow<E>& row) {
  using L = Layout<CellT, E>;
  const Index unit = block * L::kBlock;
  Prefetch<L::kRow>(row.saved + block * w.panel_stride);
  Prefetch<L::kBlock>(row.doutput + unit);
  Prefetch<L::kBlock>(row.h + unit);
  for (int s = 1; s < L::Cell::kStates; ++s) Prefetch<L::kBlock>(row.prev[s] + unit);
}

// Backward of the cell, or PrepareBackward, for one row and the units of some blocks. The row
// after it, if any, is fetched meanwhile.
template <template <typename> class CellT, typename E, bool kPrepare>
TFRNN_NOINLINE void BackwardCells(const BackwardWeights<E>& w, Range blocks,
                                  const BackwardRow<E>& row,
                                  const BackwardRow<E>* after = nullptr) {
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;
  using V = Vec<A>;
  constexpr int kU = L::kUnitVecs, kN = kLanes<A>;
  SavingFunctions<E> fn;
  for (Index block = blocks.begin; block < blocks.end; ++block) {
    const E* const from = (kPrepare ? row.dsums : row.saved) + block * w.panel_stride;
    E* const to = row.dsums + block * w.panel_stride;
    if (after != nullptr) FetchCells<CellT>(w, block, *after);
#pragma GCC unroll 4
    for (int v = 0; v < kU; ++v) {
      const Index unit = block * L::kBlock + v * kN, left = w.units - unit;
      V saved[Cell::kSaved], dsums[Cell::kSums], prev[Cell::kStates], dprev[Cell::kStates];
      for (int k = 0; k < Cell::kSaved; ++k) saved[k] = LoadVec(from + (k * kU + v) * kN);
      for (int k = 0; k < Cell::kSums; ++k) dsums[k] = saved[k];
      prev[0] = LoadPart(row.h + unit, left);
      if constexpr (kPrepare) {
        dprev[0] = LoadVec(row.dstate[0] + unit);
        Cell::PrepareBackward(fn, saved, prev, LoadVec(row.doperand + unit), dsums, dprev);
        StoreVec(row.dstate[0] + unit, dprev[0]);
      } else {
        V next[Cell::kStates], dnext[Cell::kStates];
        next[0] = V{};
        dnext[0] = LoadVec(row.dstate[0] + unit) + LoadPart(row.doutput + unit, left);
        for (int s = 1; s < Cell::kStates; ++s) {
          prev[s] = LoadVec(row.prev[s] + unit);
          next[s] = LoadVec(row.next[s] + unit);
          dnext[s] = LoadVec(row.dstate[s] + unit);
        }
        Cell::Backward(fn, saved, prev, next, dnext, dsums, dprev);
        for (int s = 0; s < Cell::kStates; ++s) StoreVec(row.dstate[s] + unit, dprev[s]);
      }
      for (int k = 0; k < Cell::kSaved; ++k) {
        StoreVec(to + (k * kU + v) * kN, k < Cell::kSums ? dsums[k] : saved[k]);
      }
    }
  }
}

// Scratch of a step: room for a pointer per row in each.
template <typename E>
struct StepScratch {
  const E** panels;
  const ComputeType<E>** factors;
  ComputeType<E>** out;
};

// dsums of a phase's gates · their weights, into (or onto) out.
template <template <typename> class CellT, typename E, int kPhase>
void BackwardProduct(const BackwardWeights<E>& w, Range tiles, Index count,
                     const StepScratch<E>& scratch, bool dropped, bool add) {
  using Gates = GateSet<typename Layout<CellT, E>::Cell, kPhase, true>;
  if constexpr (!kNarrow<E>) {
    if (w.in_place != nullptr) {
      using L = Layout<CellT, E>;
      const Range columns{tiles.begin * L::kColumns, Min(tiles.end * L::kColumns, w.units)};
      return TransposedInPlace<L, Gates>(w.in_place, columns, w.units, w.panel_stride,
                                         scratch.panels, scratch.out, count, add);
    }
  }
  if (dropped) {
    DroppedPanelGemm<CellT, E, Gates>(w.recurrent[kPhase], tiles, w.units, w.panel_stride,
                                      scratch.panels, scratch.factors, w.factor_stride, scratch.out,
                                      count, add);
  } else {
    PanelGemm<CellT, E, Gates>(w.recurrent[kPhase], tiles, w.units, w.units, w.panel_stride,
                               scratch.panels, scratch.out, count, add);
  }
}

// The step for the units of some tiles of columns, which are those of `blocks`. Other members of
// the team have the other units.
template <template <typename> class CellT, typename E>
void BackwardStep(const BackwardWeights<E>& w, const Share& share, Range blocks, Range tiles,
                  const BackwardRow<E>* const* rows, Index count, const StepScratch<E>& scratch) {
  using Cell = typename Layout<CellT, E>::Cell;
  const bool dropped = rows[0]->factors != nullptr;
  for (Index i = 0; i < count; ++i) {
    BackwardCells<CellT, E, false>(w, blocks, *rows[i], i + 1 < count ? rows[i + 1] : nullptr);
    scratch.panels[i] = rows[i]->dsums;
    scratch.factors[i] = rows[i]->factors;
  }
  share.Meet();
  if constexpr (Cell::kPhases == 2) {
    for (Index i = 0; i < count; ++i) scratch.out[i] = rows[i]->doperand;
    BackwardProduct<CellT, E, 1>(w, tiles, count, scratch, dropped, /*add=*/false);
    for (Index i = 0; i < count; ++i) BackwardCells<CellT, E, true>(w, blocks, *rows[i]);
    share.Meet();
  }
  for (Index i = 0; i < count; ++i) scratch.out[i] = rows[i]->dstate[0];
  BackwardProduct<CellT, E, 0>(w, tiles, count, scratch, dropped, /*add=*/true);
}

}  // namespace tfrnn::cpu::TFRNN_ISA
