// The workspace of forward.h.
#pragma once

#include "csrc/cpu/dropout.h"
#include "csrc/cpu/forward_step.h"
#include "csrc/cpu/gather.h"
#include "csrc/cpu/in_place.h"
#include "csrc/cpu/split.h"

namespace tfrnn::cpu::TFRNN_ISA {

// With at most so many rows in a shard, x·kernel is computed for many times at once.
constexpr Index kRowsAhead = 4;
constexpr Index kTimesAhead = 64;

template <template <typename> class CellT, typename T>
struct ForwardSpace {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;

  Split split;
  bool in_place = false;  // see in_place.h
  E *input[2] = {}, *recurrent[2] = {};
  A* bias;
  A* state[kMaxStates] = {};   // [B, padded], s >= 1: initial; the running state if none is kept
  E* h[2] = {};                // [B, padded], staged only: h of this step and the previous one
  E* x = nullptr;              // staged only: [B, C], or [members, kTimesAhead * B, C]
  E* operand = nullptr;        // [B, padded], two phases only
  E* panels = nullptr;         // one step's panels, two phases in inference only
  A* sums = nullptr;           // [block, times ahead * B, kSums * kBlock], if computed ahead; in
                               // place [B, kSums, padded]
  const E** x_rows = nullptr;  // [members, times ahead * B], likewise
  E* dropped = nullptr;        // [B, (C + U) * G], with dropout only
  ForwardRow<E>* rows;         // [members, B]
  ForwardRow<E>** active;      // [members, B]
  Index times_ahead = 0;       // 0: nothing is computed ahead
  GatheredSums<CellT, T> gathered;

  static bool Drops(const ForwardArgs<T>& a) {
    return a.input_dropout != nullptr || a.recurrent_dropout != nullptr;
  }
  static Index DroppedElements(const RnnShape& s) {
    return (FullDepth<E>(s.input) + FullDepth<E>(s.units)) * Cell::kGates;
  }
  ForwardSpace(const ForwardArgs<T>& a, const Pool& pool, Arena& arena)
      : split(SplitOf(a.shape, pool, Drops(a) ? 1 : L::Blocks(a.shape.units))), gathered(a, arena) {
    const RnnShape& s = a.shape;
    const Index padded = s.batch * L::Padded(s.units);
    if (CeilDiv(s.batch, split.shards) <= kRowsAhead && s.time > 1 && !Drops(a) && !gathered) {
      times_ahead = Min(kTimesAhead, s.time);
    }
    in_place = InPlace<T, L>(s) && !Drops(a);
    const Index rows_ahead = Max(1, times_ahead) * s.batch;
    if (!in_place) {
      TakeWeights<0>(s, arena);
      if constexpr (Cell::kPhases == 2) TakeWeights<1>(s, arena);
    }
    bias = arena.Take<A>(Cell::kSums * L::Padded(s.units));
    for (int i = 1; i < Cell::kStates; ++i) state[i] = arena.Take<A>(padded);
    if (kStaged<T>) {
      for (E*& buffer : h) buffer = arena.Take<E>(padded);
      if (!gathered) x = arena.Take<E>(split.members * rows_ahead * FullDepth<E>(s.input));
    }
    if (Cell::kPhases == 2) {
      operand = arena.Take<E>(padded);
      if (a.reserve_space == nullptr) {
        panels = arena.Take<E>(L::Blocks(s.units) * s.batch * L::kRow);
      }
    }
    if (in_place) sums = arena.Take<A>(padded * Cell::kSums);
    if (times_ahead > 0) {
      sums = arena.Take<A>(rows_ahead * Cell::kSums * L::Padded(s.units));
      x_rows = arena.Take<const E*>(split.members * rows_ahead);
    }
    if (Drops(a)) dropped = arena.Take<E>(s.batch * DroppedElements(s));
    rows = arena.Take<ForwardRow<E>>(split.members * s.batch);
    active = arena.Take<ForwardRow<E>*>(split.members * s.batch);
  }

 private:
  template <int kPhase>
  void TakeWeights(const RnnShape& s, Arena& arena) {
    if (!gathered) {
      input[kPhase] =
          arena.Take<E>(PackedElements<L, GateSet<Cell, kPhase, false>>(s.input, s.units));
    }
    recurrent[kPhase] =
        arena.Take<E>(PackedElements<L, GateSet<Cell, kPhase, true>>(s.units, s.units));
  }
};

}  // namespace tfrnn::cpu::TFRNN_ISA
