// The memory of the general loops forwards, and the packed weights in it.
#pragma once

#include "csrc/cpu/dropout.h"
#include "csrc/cpu/gather.h"
#include "csrc/cpu/general/gemm.h"
#include "csrc/cpu/general/parameters.h"
#include "csrc/cpu/general/random.h"
#include "csrc/cpu/general/reserve.h"
#include "csrc/cpu/split.h"

namespace tfrnn::cpu::TFRNN_ISA {

// What a step reads and writes of one batch row.
template <typename A>
struct GeneralRow {
  const A* x = nullptr;            // [C], or [C][gates] under dropout, not with sums
  const A* sums = nullptr;         // of GatheredSums
  const A* operand = nullptr;      // [H], or [H][gates]: h as the products of a phase see it
  A* h = nullptr;                  // [padded columns of H]: before the step, then after it
  A* new_h = nullptr;              // [padded columns]: what the cell makes of it, or the projection
  A* hidden = nullptr;             // [padded units]: what is projected
  const A* prev[kMaxStates] = {};  // [padded units], from 1 on
  A* next[kMaxStates] = {};        // likewise, may be the same memory
  A *inputs = nullptr, *recurrents = nullptr, *scales = nullptr;  // of GeneralReserve
  A* dropped_h = nullptr;  // [H, G], and [H] before it is so dropped
  A* dropped_x = nullptr;  // [C, G]
  A* factors = nullptr;    // [H]: step dropout of the recurrent operand
};

template <template <typename> class CellT, typename T>
struct GeneralForwardSpace {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;

  Split split;
  GeneralParameters<CellT, T> parameters;
  GatheredSums<CellT, T> gathered;
  A *input = nullptr, *recurrent[2] = {}, *projection = nullptr;
  A *h, *new_h, *hidden = nullptr, *x = nullptr, *states[kMaxStates] = {};
  A *inputs = nullptr, *recurrents = nullptr, *scales = nullptr;  // one step's, in inference
  A *dropped_h = nullptr, *dropped_x = nullptr, *factors = nullptr;
  A* scratch;  // [shards, 3 * padded columns + a panel row]
  Index scratch_size;
  GeneralRow<A>* rows;
  Index* active;
  const A** operands;
  A** results;

  static bool DropsState(const ForwardArgs<T>& a) {
    return a.recurrent_dropout != nullptr || DropsSteps(a.options);
  }
  GeneralForwardSpace(const ForwardArgs<T>& a, const Pool& pool, Arena& arena)
      : split(SplitOf(a.shape, pool, 1)),
        parameters(a.shape, a.options, a.vectors != nullptr, arena),
        gathered(a, arena) {
    const RnnShape& s = a.shape;
    const Index units = s.batch * L::Padded(s.units);
    const Index columns = s.batch * L::PaddedColumns(Max(s.Hidden(), s.units));
    const Index row = L::Blocks(s.units) * L::kRow;
    if (!gathered) {
      input = arena.Take<A>(PackedElements<L, GateSet<Cell, -1, false>>(s.input, s.units));
    }
    if constexpr (Cell::kRecurrent) {
      recurrent[0] = arena.Take<A>(PackedElements<L, GateSet<Cell, 0, true>>(s.Hidden(), s.units));
      if constexpr (Cell::kPhases == 2) {
        recurrent[1] = arena.Take<A>(PackedElements<L, GateSet<Cell, 1, true>>(s.units, s.units));
      }
    }
    h = arena.Take<A>(columns);
    new_h = arena.Take<A>(columns);
    if (s.projection > 0) {
      projection = arena.Take<A>(s.units * L::PaddedColumns(s.projection));
      hidden = arena.Take<A>(units);
    }
    if (kStaged<T> && !gathered) x = arena.Take<A>(s.batch * s.input);
    for (int i = 1; i < Cell::kStates; ++i) states[i] = arena.Take<A>(units);
    if (a.reserve_space == nullptr) {
      inputs = recurrents = arena.Take<A>(s.batch * row);
      if (a.options.layer_norm && Cell::kRecurrent) recurrents = arena.Take<A>(s.batch * row);
      scales = arena.Take<A>(s.batch * GeneralReserve<CellT, A>::kScales);
    }
    if (a.input_dropout != nullptr) dropped_x = arena.Take<A>(s.batch * s.input * Cell::kGates);
    if (DropsState(a)) {
      dropped_h = arena.Take<A>(columns * (Cell::kGates + 1));
      factors = arena.Take<A>(columns);
    }
    scratch_size = row + 3 * L::PaddedColumns(Max(s.Hidden(), s.units));
    scratch = arena.Take<A>(split.shards * scratch_size);
    rows = arena.Take<GeneralRow<A>>(s.batch);
    active = arena.Take<Index>(s.batch);
    operands = arena.Take<const A*>(s.batch);
    results = arena.Take<A*>(s.batch);
  }
};

template <template <typename> class CellT, typename T>
void PackGeneralForward(const ForwardArgs<T>& a, const GeneralForwardSpace<CellT, T>& space,
                        const Pool& pool) {
  using L = Layout<CellT, ComputeType<T>>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  space.parameters.Fill(a.bias, a.vectors, a.layer_norm);
  const Index blocks = L::Blocks(s.units);
  const int packers = static_cast<int>(Max(1, Min(pool.threads, blocks)));
  ParallelFor(pool, packers, [&](int i) {
    const Range part = PartOf(blocks, i, packers);
    for (Index block = part.begin; block < part.end; ++block) {
      if (!space.gathered) {
        PackBlock<L, GateSet<Cell, -1, false>>(a.kernel, s.input, s.units, block, space.input);
      }
      if constexpr (Cell::kRecurrent) {
        PackBlock<L, GateSet<Cell, 0, true>>(a.recurrent_kernel, s.Hidden(), s.units, block,
                                             space.recurrent[0]);
        if constexpr (Cell::kPhases == 2) {
          PackBlock<L, GateSet<Cell, 1, true>>(a.recurrent_kernel, s.units, s.units, block,
                                               space.recurrent[1]);
        }
      }
    }
  });
  if (s.projection > 0) {
    PackPlain<L>(a.projection, s.units, s.projection, /*transposed=*/false, space.projection);
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
