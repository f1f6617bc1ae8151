// The recurrence backwards: from the gradients of the outputs and final states to those of the
// initial states, and of the sums, which it leaves in the panels for the two ops that follow.
#pragma once

#include "csrc/cpu/backward_step.h"
#include "csrc/cpu/carry.h"
#include "csrc/cpu/steps.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
struct BackwardSpace {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;

  Split split;
  bool in_place;  // see in_place.h
  E* recurrent[2] = {};
  A* dstate[kMaxStates];        // [B, padded columns]
  E* initial[kMaxStates] = {};  // [B, padded], s >= 1, as the others are kept
  A* doperand = nullptr;        // [B, padded columns], two phases only
  A* doutput = nullptr;         // [B, U], staged, or outputs that masked steps repeat
  A* h = nullptr;               // [B, U], staged only: h before the step
  Steps steps;
  BackwardRow<E>* rows;     // [members, B]
  BackwardRow<E>** active;  // [members, B]
  A* factors = nullptr;     // [G, B, padded columns], with dropout only
  StepScratch<E> scratch;   // [members, B]

  static bool Repeats(const BackwardArgs<T>& a) {
    return a.mask != nullptr && !a.options.zero_output_for_mask;
  }
  BackwardSpace(const BackwardArgs<T>& a, const Pool& pool, Arena& arena)
      : split(SplitOf(a.shape, pool, a.recurrent_dropout ? 1 : L::Tiles(a.shape.units))),
        in_place(InPlace<T, L>(a.shape) && a.recurrent_dropout == nullptr),
        steps(a.shape, a.options, a.mask, arena) {
    const RnnShape& s = a.shape;
    const Index columns = s.batch * L::PaddedColumns(s.units);
    if (!in_place) {
      recurrent[0] = arena.Take<E>(TransposedElements<L, GateSet<Cell, 0, true>>(s.units, s.units));
    }
    if constexpr (Cell::kPhases == 2) {
      if (!in_place) {
        recurrent[1] =
            arena.Take<E>(TransposedElements<L, GateSet<Cell, 1, true>>(s.units, s.units));
      }
      doperand = arena.Take<A>(columns);
    }
    for (int i = 0; i < Cell::kStates; ++i) dstate[i] = arena.Take<A>(columns);
    for (int i = 1; i < Cell::kStates; ++i) {
      initial[i] = arena.Take<E>(s.batch * L::Padded(s.units));
    }
    if (kStaged<T> || Repeats(a)) doutput = arena.Take<A>(s.batch * s.units);
    if (kStaged<T>) h = arena.Take<A>(s.batch * s.units);
    rows = arena.Take<BackwardRow<E>>(split.members * s.batch);
    active = arena.Take<BackwardRow<E>*>(split.members * s.batch);
    if (a.recurrent_dropout != nullptr) factors = arena.Take<A>(Cell::kGates * columns);
    scratch.panels = arena.Take<const E*>(split.members * s.batch);
    scratch.factors = arena.Take<const A*>(split.members * s.batch);
    scratch.out = arena.Take<A*>(split.members * s.batch);
  }
};

// Some rows of the batch, or some units of all rows.
template <template <typename> class CellT, typename T>
class BackwardWorker {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;
  using Space = BackwardSpace<CellT, T>;

 public:
  BackwardWorker(const BackwardArgs<T>& args, const Space& space, const BackwardWeights<E>& weights,
                 const Share& share)
      : a_(args),
        space_(space),
        weights_(weights),
        share_(share),
        at_(args.shape, args.options),
        width_(args.shape.units),
        padded_(L::Padded(width_)),
        columns_(L::PaddedColumns(width_)),
        saved_(static_cast<const E*>(args.reserve_space)),
        states_(saved_ == nullptr ? nullptr : saved_ + L::PanelElements(args.shape)),
        dsums_(static_cast<E*>(args.dgates)),
        first_row_(share.member * args.shape.batch) {
    TakeUnits();
  }

  void Run() {
    const Range batch = share_.batch;
    for (Index b = batch.begin; b < batch.end; ++b) Begin(b);
    const Index first = first_row_ + batch.begin;
    BackwardRow<E>** const active = space_.active + first;
    const StepScratch<E> scratch{space_.scratch.panels + first, space_.scratch.factors + first,
                                 space_.scratch.out + first};
    for (Index t = a_.shape.time - 1; t >= 0; --t) {
      Index count = 0;
      for (Index b = batch.begin; b < batch.end; ++b) {
        if (space_.steps.Active(t, b)) {
          Prepare(t, b);
          active[count++] = &RowOf(b);
        } else if (Space::Repeats(a_)) {
          AddOutput(t, b);  // what it repeated gets its gradient; it has none of its own
        }
      }
      if (count == 0) continue;  // of the whole team
      BackwardStep<CellT, E>(weights_, share_, blocks_, tiles_, active, count, scratch);
      if (Space::Repeats(a_)) {
        for (Index i = 0; i < count; ++i) ClearRepeated(active[i] - &RowOf(0));
      }
      if (share_.Broken()) {  // what the others have done lies in memory that all share
        share_.Meet();
        if (share_.member > 0) return;
        share_ = share_.Whole();
        TakeUnits();
      }
    }
    for (Index b = batch.begin; b < batch.end; ++b) {
      for (int s = 0; s < Cell::kStates; ++s) {
        KeepStateGradient(a_, s, b * width_ + units_.begin, Count(),
                          space_.dstate[s] + b * columns_ + units_.begin);
      }
      if (Space::Repeats(a_)) {
        KeepRepeated(a_, b * width_ + units_.begin, Count(), Repeated(b) + units_.begin);
      }
    }
  }

 private:
  void TakeUnits() {
    tiles_ = share_.Of(L::Tiles(width_));
    units_ = {tiles_.begin * L::kColumns, Min(tiles_.end * L::kColumns, width_)};
    blocks_ = {units_.begin / L::kBlock, CeilDiv(units_.end, L::kBlock)};
  }
  BackwardRow<E>& RowOf(Index b) const { return space_.rows[first_row_ + b]; }
  Index Count() const { return units_.end - units_.begin; }
  template <typename Element>
  static void Clear(Element* row, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) row[i] = Element{};
  }
  A* Repeated(Index b) const { return space_.doutput + b * width_; }
  void ClearRepeated(Index b) const { Clear(Repeated(b), units_.begin, units_.end); }

  void Begin(Index b) {
    BackwardRow<E>& row = RowOf(b);
    row = BackwardRow<E>();
    const Index at = b * width_ + units_.begin;
    for (int s = 0; s < Cell::kStates; ++s) {
      row.dstate[s] = space_.dstate[s] + b * columns_;
      LoadStateGradient(a_, s, at, Count(), row.dstate[s] + units_.begin);
      Clear(row.dstate[s], units_.end, tiles_.end * L::kColumns);
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      E* const initial = space_.initial[s] + b * padded_;
      LoadState(a_, s, at, Count(), initial + units_.begin);
      Clear(initial, units_.end, blocks_.end * L::kBlock);
    }
    if (Cell::kPhases == 2) row.doperand = space_.doperand + b * columns_;
    if (space_.factors != nullptr) row.factors = space_.factors + b * columns_;
    if (Space::Repeats(a_)) LoadRepeated(a_, at, Count(), Repeated(b) + units_.begin);
  }

  void AddOutput(Index t, Index b) {
    const T* const from = a_.doutputs + at_.OutputAt(t, b);
    A* const to = Repeated(b);
    for (Index u = units_.begin; u < units_.end; ++u) to[u] += Load(from[u]);
  }

  void Prepare(Index t, Index b) {
    BackwardRow<E>& row = RowOf(b);
    const Index step = t * a_.shape.batch + b, previous = space_.steps.Previous(t, b);
    row.saved = saved_ + step * L::kRow;
    row.dsums = dsums_ + step * L::kRow;
    const T* const h =
        previous < 0 ? a_.initial[0] + b * width_ : a_.outputs + at_.OutputAt(previous, b);
    const T* const doutput = a_.doutputs + at_.OutputAt(t, b);
    if (Space::Repeats(a_)) {
      AddOutput(t, b);
      row.doutput = Repeated(b);
    } else {
      row.doutput = Staged(doutput, space_.doutput, b);
    }
    row.h = Staged(h, space_.h, b);
    for (int s = 1; s < Cell::kStates; ++s) {
      const E* const states = states_ + (s - 1) * L::StateElements(a_.shape);
      row.next[s] = states + step * padded_;
      row.prev[s] = previous < 0 ? space_.initial[s] + b * padded_
                                 : states + (previous * a_.shape.batch + b) * padded_;
    }
  }

  // A row in the compute type: itself, or converted into row b of a buffer.
  const A* Staged(const T* row, A* buffer, Index b) const {
    if constexpr (kStaged<T>) {
      A* const to = buffer + b * width_;
      LoadRow(row + units_.begin, Count(), to + units_.begin);
      return to;
    } else {
      return row;
    }
  }

  const BackwardArgs<T>& a_;
  const Space& space_;
  const BackwardWeights<E>& weights_;
  Share share_;
  const Rows at_;
  const Index width_, padded_, columns_;
  Range tiles_{0, 0}, units_{0, 0}, blocks_{0, 0};
  const E* const saved_;
  const E* const states_;
  E* const dsums_;
  const Index first_row_;
};

template <template <typename> class CellT, typename T>
void Backward(const BackwardArgs<T>& a, const Pool& pool) {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  BackwardSpace<CellT, T> space(a, pool, arena);
  space.steps.Fill();
  BackwardWeights<E> weights;
  if (space.in_place) {
    if constexpr (!kStaged<T>) weights.in_place = a.recurrent_kernel;
  } else if (s.time > 0 && !a.packed) {
    PackAllTransposed<L, GateSet<Cell, 0, true>>(a.recurrent_kernel, s.units, s.units,
                                                 space.recurrent[0], pool);
    if constexpr (Cell::kPhases == 2) {
      PackAllTransposed<L, GateSet<Cell, 1, true>>(a.recurrent_kernel, s.units, s.units,
                                                   space.recurrent[1], pool);
    }
  }
  for (int p = 0; p < Cell::kPhases; ++p) weights.recurrent[p] = space.recurrent[p];
  weights.units = s.units;
  weights.panel_stride = s.time * s.batch * L::kRow;
  weights.factor_stride = s.batch * L::PaddedColumns(s.units);
  if (space.factors != nullptr) {
    PadFactors<L>(a.recurrent_dropout, s.batch, s.units, space.factors);
  }
  const double work = static_cast<double>(s.time) * s.batch * Cell::kGates * s.units * s.units;
  ForShares(pool, space.split, s, work,
            [&](const Share& share) { BackwardWorker<CellT, T>(a, space, weights, share).Run(); });
}

template <template <typename> class CellT, typename T>
std::size_t BackwardWorkspace(const BackwardArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  BackwardSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
