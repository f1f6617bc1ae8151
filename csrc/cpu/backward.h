// The recurrence backwards: from the gradients of the outputs and final states to those of the
// initial states, and of the sums, which it leaves in the panels for the two ops that follow.
#pragma once

#include "csrc/cpu/backward_step.h"
#include "csrc/cpu/forward.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
struct BackwardSpace {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;

  A* recurrent[2] = {};
  A* dstate[kMaxStates];       // [B, padded columns]
  A* initial[kMaxStates] = {};  // [B, padded], s >= 1
  A* doperand = nullptr;       // [B, padded columns], two phases only
  A* doutput = nullptr;        // [B, U], staged, or outputs that masked steps repeat
  A* h = nullptr;              // [B, U], staged only: h before the step
  std::int32_t* previous;
  BackwardRow<A>* rows;     // [B]
  BackwardRow<A>** active;  // [B]
  const A** panels;         // [B]
  A** out;                  // [B]

  static bool Repeats(const BackwardArgs<T>& a) {
    return a.mask != nullptr && !a.options.zero_output_for_mask;
  }
  BackwardSpace(const BackwardArgs<T>& a, Arena& arena) {
    const RnnShape& s = a.shape;
    const Index columns = s.batch * L::PaddedColumns(s.units);
    recurrent[0] = arena.Take<A>(TransposedElements<L, GateSet<Cell, 0, true>>(s.units, s.units));
    if constexpr (Cell::kPhases == 2) {
      recurrent[1] =
          arena.Take<A>(TransposedElements<L, GateSet<Cell, 1, true>>(s.units, s.units));
      doperand = arena.Take<A>(columns);
    }
    for (int i = 0; i < Cell::kStates; ++i) dstate[i] = arena.Take<A>(columns);
    for (int i = 1; i < Cell::kStates; ++i) {
      initial[i] = arena.Take<A>(s.batch * L::Padded(s.units));
    }
    if (kStaged<T> || Repeats(a)) doutput = arena.Take<A>(s.batch * s.units);
    if (kStaged<T>) h = arena.Take<A>(s.batch * s.units);
    previous = arena.Take<std::int32_t>(PreviousStep::Elements(s, a.mask));
    rows = arena.Take<BackwardRow<A>>(s.batch);
    active = arena.Take<BackwardRow<A>*>(s.batch);
    panels = arena.Take<const A*>(s.batch);
    out = arena.Take<A*>(s.batch);
  }
};

template <template <typename> class CellT, typename T>
class BackwardShard {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  using Space = BackwardSpace<CellT, T>;

 public:
  BackwardShard(const BackwardArgs<T>& args, const Space& space,
                const BackwardWeights<A>& weights, Range batch)
      : a_(args),
        space_(space),
        weights_(weights),
        batch_(batch),
        at_(args.shape, args.options),
        previous_(space.previous, at_, args.mask),
        units_(args.shape.units),
        padded_(L::Padded(units_)),
        columns_(L::PaddedColumns(units_)),
        saved_(static_cast<const A*>(args.reserve_space)),
        states_(saved_ == nullptr ? nullptr : saved_ + L::PanelElements(args.shape)),
        dsums_(static_cast<A*>(args.dgates)) {}

  void Run() {
    previous_.Fill(batch_);
    for (Index b = batch_.begin; b < batch_.end; ++b) Begin(b);
    for (Index t = a_.shape.time - 1; t >= 0; --t) {
      Index count = 0;
      for (Index b = batch_.begin; b < batch_.end; ++b) {
        if (previous_.Active(t, b)) {
          Prepare(t, b);
          space_.active[batch_.begin + count++] = &space_.rows[b];
        } else {
          Skip(t, b);
        }
      }
      if (count == 0) continue;
      BackwardRow<A>** const active = space_.active + batch_.begin;
      BackwardStep<CellT, A>(weights_, active, count, space_.panels + batch_.begin,
                             space_.out + batch_.begin);
      if (Space::Repeats(a_)) {
        for (Index i = 0; i < count; ++i) Clear(Repeated(active[i] - space_.rows), units_);
      }
    }
    for (Index b = batch_.begin; b < batch_.end; ++b) {
      for (int s = 0; s < Cell::kStates; ++s) {
        StoreRow(space_.dstate[s] + b * columns_, units_, a_.dinitial[s] + b * units_);
      }
    }
  }

 private:
  static void Clear(A* row, Index count) {
    for (Index i = 0; i < count; ++i) row[i] = A(0);
  }
  A* Repeated(Index b) const { return space_.doutput + b * units_; }

  void Begin(Index b) {
    BackwardRow<A>& row = space_.rows[b];
    row = BackwardRow<A>();
    for (int s = 0; s < Cell::kStates; ++s) {
      row.dstate[s] = space_.dstate[s] + b * columns_;
      LoadRow(a_.dfinal[s] + b * units_, units_, row.dstate[s]);
      Clear(row.dstate[s] + units_, columns_ - units_);
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      A* const initial = space_.initial[s] + b * padded_;
      LoadRow(a_.initial[s] + b * units_, units_, initial);
      Clear(initial + units_, padded_ - units_);
    }
    if (Cell::kPhases == 2) row.doperand = space_.doperand + b * columns_;
    if (Space::Repeats(a_)) Clear(Repeated(b), units_);
  }

  // A masked step has no gradient of its own; what reached its output goes to the output it
  // repeats.
  void Skip(Index t, Index b) {
    if (Space::Repeats(a_)) AddOutput(t, b);
    A* const row = dsums_ + (t * a_.shape.batch + b) * L::kRow;
    for (Index block = 0; block < L::Blocks(units_); ++block) {
      Clear(row + block * weights_.panel_stride, L::kRow);
    }
  }

  void AddOutput(Index t, Index b) {
    const T* const from = a_.doutputs + at_.Output(t, b) * units_;
    A* const to = Repeated(b);
    for (Index u = 0; u < units_; ++u) to[u] += Load(from[u]);
  }

  void Prepare(Index t, Index b) {
    BackwardRow<A>& row = space_.rows[b];
    const Index step = t * a_.shape.batch + b, previous = previous_(t, b);
    row.saved = saved_ + step * L::kRow;
    row.dsums = dsums_ + step * L::kRow;
    const T* const h = previous < 0 ? a_.initial[0] + b * units_
                                    : a_.outputs + at_.Output(previous, b) * units_;
    const T* const doutput = a_.doutputs + at_.Output(t, b) * units_;
    if (Space::Repeats(a_)) {
      AddOutput(t, b);
      row.doutput = Repeated(b);
    } else if constexpr (kStaged<T>) {
      LoadRow(doutput, units_, space_.doutput + b * units_);
      row.doutput = space_.doutput + b * units_;
    } else {
      row.doutput = doutput;
    }
    if constexpr (kStaged<T>) {
      LoadRow(h, units_, space_.h + b * units_);
      row.prev[0] = space_.h + b * units_;
    } else {
      row.prev[0] = h;
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      const A* const states = states_ + (s - 1) * L::StateElements(a_.shape);
      row.next[s] = states + step * padded_;
      row.prev[s] = previous < 0 ? space_.initial[s] + b * padded_
                                 : states + (previous * a_.shape.batch + b) * padded_;
    }
  }

  const BackwardArgs<T>& a_;
  const Space& space_;
  const BackwardWeights<A>& weights_;
  const Range batch_;
  const Rows at_;
  PreviousStep previous_;
  const Index units_, padded_, columns_;
  const A* const saved_;
  const A* const states_;
  A* const dsums_;
};

template <template <typename> class CellT, typename T>
void Backward(const BackwardArgs<T>& a, const Pool& pool) {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  const BackwardSpace<CellT, T> space(a, arena);
  BackwardWeights<A> weights;
  if (s.time > 0) {
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
  const int shards = BatchShards(s, pool);
  ParallelFor(pool, shards, [&](int i) {
    BackwardShard<CellT, T>(a, space, weights, PartOf(s.batch, i, shards)).Run();
  });
}

template <template <typename> class CellT, typename T>
std::size_t BackwardWorkspace(const BackwardArgs<T>& a, const Pool&) {
  Arena arena(nullptr);
  BackwardSpace<CellT, T>(a, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
