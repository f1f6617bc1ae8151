// The recurrence forwards. A large batch is cut into shards that never wait for each other; each
// walks through time with its own rows, of which a step computes only those the mask lets
// through. A small one stays whole: a team shares the units and meets once a phase, and x·kernel
// is computed some times ahead.
#pragma once

#include "csrc/cpu/carry.h"
#include "csrc/cpu/forward_space.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Some rows of the batch, or some units of all rows.
template <template <typename> class CellT, typename T>
class ForwardWorker {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;

 public:
  ForwardWorker(const ForwardArgs<T>& args, const ForwardSpace<CellT, T>& space,
                const ForwardWeights<E>& weights, const Share& share)
      : a_(args),
        space_(space),
        weights_(weights),
        share_(share),
        at_(args.shape, args.options),
        padded_(L::Padded(args.shape.units)),
        panels_(static_cast<E*>(args.reserve_space)),
        states_(panels_ == nullptr ? nullptr : panels_ + L::PanelElements(args.shape)),
        rows_(space.rows + share.member * args.shape.batch),
        active_(space.active + share.member * args.shape.batch + share.batch.begin) {
    TakeUnits();
  }

  void Run() {
    const Range batch = share_.batch;
    for (Index b = batch.begin; b < batch.end; ++b) Begin(b);
    share_.Meet();
    for (Index t = 0; t < a_.shape.time; ++t) {
      if (space_.times_ahead > 0 && t % space_.times_ahead == 0) LookAhead(t);
      Index count = 0;
      for (Index b = batch.begin; b < batch.end; ++b) {
        if (a_.mask != nullptr && !a_.mask[at_.Input(t, b)]) {
          Skip(t, b);
        } else {
          Prepare(t, b);
          active_[count++] = &rows_[b];
        }
      }
      if (count == 0) continue;  // of the whole team
      if (space_.dropped != nullptr) {
        Step<Inputs::kDropped>(count);
      } else if (space_.in_place) {
        Step<Inputs::kSummed>(count);
      } else if (space_.times_ahead > 0 || space_.gathered) {
        Step<Inputs::kAhead>(count);
      } else {
        Step<Inputs::kNow>(count);
      }
      for (Index i = 0; i < count; ++i) Advance(t, active_[i]);
      share_.Meet();
      if (share_.Broken()) {  // what the others have done lies in memory that all share
        if (share_.member > 0) return;
        share_ = share_.Whole();
        TakeUnits();
      }
    }
    for (Index b = batch.begin; b < batch.end; ++b) End(b);
  }

 private:
  void TakeUnits() {
    blocks_ = share_.Of(L::Blocks(a_.shape.units));
    units_ = {blocks_.begin * L::kBlock, Min(blocks_.end * L::kBlock, a_.shape.units)};
  }

  template <Inputs kInputs>
  void Step(Index count) {
    if constexpr (kInputs == Inputs::kDropped) {
      for (Index i = 0; i < count; ++i) DropOperand<0>(active_[i], active_[i]->h);
    }
    if constexpr (kInputs == Inputs::kSummed) Sum<0>(count);
    ForwardPhase<CellT, E, 0, kInputs>(weights_, blocks_, active_, count);
    if constexpr (Cell::kPhases == 2) {
      share_.Meet();
      if constexpr (kInputs == Inputs::kDropped) {
        for (Index i = 0; i < count; ++i) DropOperand<1>(active_[i], active_[i]->operand);
      }
      if constexpr (kInputs == Inputs::kSummed) Sum<1>(count);
      ForwardPhase<CellT, E, 1, kInputs>(weights_, blocks_, active_, count);
    }
  }

  // All sums of a phase, with the weights in place.
  template <int kPhase>
  void Sum(Index count) const {
    if constexpr (std::is_same_v<T, A>) {
      const RnnShape& s = a_.shape;
      const A *x[kTileRows], *h[kTileRows];
      A* sums[kTileRows];
      for (Index i = 0; i < count; ++i) {
        const ForwardRow<E>& row = *active_[i];
        const Index b = active_[i] - rows_;
        x[i] = row.x, sums[i] = SumsInPlace(b);
        h[i] = kPhase == 0 ? row.h : row.operand;
        const A* first = weights_.bias;
        Index stride = Cell::kSums * L::kBlock;
        if (space_.gathered) {  // of the only step
          first = space_.gathered.Row(0, b), stride = space_.gathered.stride();
        }
        for (Index block = blocks_.begin; block < blocks_.end && kPhase == 0; ++block) {
          const A* const from = first + block * stride;
          for (int sum = 0; sum < Cell::kSums; ++sum) {
            LoadRow(from + sum * L::kBlock, L::kBlock, sums[i] + sum * padded_ + block * L::kBlock);
          }
        }
      }
      if (!space_.gathered) {
        AddInPlace<L, GateSet<Cell, kPhase, false>>(a_.kernel, s.input, s.units, units_, x, sums,
                                                    count);
      }
      AddInPlace<L, GateSet<Cell, kPhase, true>>(a_.recurrent_kernel, s.units, s.units, units_, h,
                                                 sums, count);
    }
  }

  A* SumsInPlace(Index b) const { return space_.sums + b * Cell::kSums * padded_; }

  template <int kPhase>
  void DropOperand(ForwardRow<E>* row, const E* operand) const {
    const RnnShape& s = a_.shape;
    const Factors<T> factors{a_.recurrent_dropout, s.batch, s.units};
    DropRow<GateSet<Cell, kPhase, true>, kDepth<E>>(operand, {0, s.units}, factors, row - rows_,
                                                    row->dropped_h);
  }

  template <int kPhase>
  void DropInput(Index b, const T* x) const {
    const RnnShape& s = a_.shape;
    const Factors<T> factors{a_.input_dropout, s.batch, s.input};
    DropRow<GateSet<Cell, kPhase, false>, kDepth<E>>(x, {0, s.input}, factors, b,
                                                     rows_[b].dropped_x[kPhase]);
  }

  void Begin(Index b) {
    const Index units = a_.shape.units, count = units_.end - units_.begin;
    ForwardRow<E>& row = rows_[b];
    row = ForwardRow<E>();
    if constexpr (kStaged<T>) {
      E *const h = space_.h[0] + b * padded_, *const next = space_.h[1] + b * padded_;
      LoadRow(a_.initial[0] + b * units + units_.begin, count, h + units_.begin);
      for (Index u = units_.end; u < blocks_.end * L::kBlock; ++u) h[u] = next[u] = E{};
      row.h = h;
      row.next_h = next;
    } else {
      row.h = a_.initial[0] + b * units;
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      A* const state = space_.state[s] + b * padded_;
      LoadState(a_, s, b * units + units_.begin, count, state + units_.begin);
      for (Index u = units_.end; u < blocks_.end * L::kBlock; ++u) state[u] = A(0);
      row.prev[s] = row.next[s] = state;
    }
    if (Cell::kPhases == 2) row.operand = space_.operand + b * padded_;
    if (space_.dropped != nullptr) {
      const RnnShape& shape = a_.shape;
      row.dropped_h = space_.dropped + b * space_.DroppedElements(shape);
      row.dropped_x[0] = row.dropped_h + FullDepth<E>(shape.units) * Cell::kGates;
      row.dropped_x[1] =
          row.dropped_x[0] + FullDepth<E>(shape.input) * GateSet<Cell, 0, false>::kCount;
    }
    if (space_.panels != nullptr) row.saved = space_.panels + b * L::kRow;
  }

  // Sums of the next times, for the units of this worker.
  void LookAhead(Index first) {
    const RnnShape& s = a_.shape;
    const Range batch = share_.batch;
    const Index times = Min(space_.times_ahead, s.time - first), height = batch.end - batch.begin;
    const Index offset = share_.member * space_.times_ahead * s.batch;
    const E** const rows = space_.x_rows + offset + batch.begin * space_.times_ahead;
    for (Index i = 0; i < times * height; ++i) {
      const Index b = batch.begin + i % height;
      const T* const x = a_.x + at_.Input(first + i / height, b) * s.input;
      if constexpr (kStaged<T>) {
        rows[i] = StageInput(x, offset + batch.begin * space_.times_ahead + i);
      } else {
        rows[i] = x;
      }
    }
    SumsAhead<CellT, E>(weights_, blocks_, rows, times * height, SumsOf(0, batch.begin));
  }
  // An input row as row `i` of the space for them, filled up with zeros.
  const E* StageInput(const T* x, Index i) const {
    const Index depth = a_.shape.input;
    E* const to = space_.x + i * FullDepth<E>(depth);
    LoadRow(x, depth, to);
    for (Index k = depth; k < FullDepth<E>(depth); ++k) to[k] = E{};
    return to;
  }
  // Sums of the `i`-th time ahead and batch row b: the shard's rows lie together.
  A* SumsOf(Index i, Index b) const {
    const Range batch = share_.batch;
    const Index row =
        batch.begin * space_.times_ahead + i * (batch.end - batch.begin) + (b - batch.begin);
    return space_.sums + row * Cell::kSums * L::kBlock;
  }

  // A masked step carries the states and repeats the output, or puts out zeros.
  void Skip(Index t, Index b) {
    T* const to = a_.outputs + at_.OutputAt(t, b);
    if (!at_.HasOutputBefore(t) || a_.options.zero_output_for_mask) {
      for (Index u = units_.begin; u < units_.end; ++u) Store(A(0), to + u);
    } else {
      const T* const from = a_.outputs + at_.OutputAt(t - 1, b);
      for (Index u = units_.begin; u < units_.end; ++u) to[u] = from[u];
    }
  }

  void Prepare(Index t, Index b) {
    ForwardRow<E>& row = rows_[b];
    if (!space_.gathered) PrepareInput(b, a_.x + at_.Input(t, b) * a_.shape.input);
    if constexpr (!kStaged<T>) row.next_h = a_.outputs + at_.OutputAt(t, b);
    if (space_.in_place) {
      row.sums = SumsInPlace(b);
    } else if (space_.gathered) {
      row.sums = space_.gathered.Row(t, b);
    } else if (space_.times_ahead > 0) {
      row.sums = SumsOf(t % space_.times_ahead, b);
    }
    if (panels_ != nullptr) {
      const Index step = t * a_.shape.batch + b;
      row.saved = panels_ + step * L::kRow;
      for (int s = 1; s < Cell::kStates; ++s) {
        E* const kept = states_ + (s - 1) * L::StateElements(a_.shape) + step * padded_;
        if constexpr (kNarrow<E>) {
          row.kept[s] = kept;  // beside the running state
        } else {
          row.next[s] = kept;
        }
      }
    }
  }

  void PrepareInput(Index b, const T* x) {
    ForwardRow<E>& row = rows_[b];
    if (space_.dropped != nullptr) {
      DropInput<0>(b, x);
      if constexpr (Cell::kPhases == 2) DropInput<1>(b, x);
    }
    if constexpr (!kStaged<T>) {
      row.x = x;
    } else if (space_.times_ahead == 0 && space_.dropped == nullptr) {
      row.x = StageInput(x, share_.member * a_.shape.batch + b);
    }
  }

  void Advance(Index t, ForwardRow<E>* row) {
    E* const h = row->next_h;
    if constexpr (kStaged<T>) {
      const Index count = units_.end - units_.begin;
      T* const to = a_.outputs + at_.OutputAt(t, row - rows_) + units_.begin;
      StoreRow(h + units_.begin, count, to);
      // What is stored is what the next step reads.
      if constexpr (!std::is_same_v<T, E>) LoadRow(to, count, h + units_.begin);
      row->next_h = const_cast<E*>(row->h);  // one of the two buffers of this row
    }
    row->h = h;
    for (int s = 1; s < Cell::kStates; ++s) row->prev[s] = row->next[s];
  }

  void End(Index b) {
    const Index at = b * a_.shape.units + units_.begin, count = units_.end - units_.begin;
    KeepState(a_, 0, at, count, rows_[b].h + units_.begin);
    for (int s = 1; s < Cell::kStates; ++s) {
      KeepState(a_, s, at, count, rows_[b].prev[s] + units_.begin);
    }
  }

  const ForwardArgs<T>& a_;
  const ForwardSpace<CellT, T>& space_;
  const ForwardWeights<E>& weights_;
  Share share_;
  Range blocks_{0, 0}, units_{0, 0};
  const Rows at_;
  const Index padded_;
  E* const panels_;
  E* const states_;
  ForwardRow<E>* const rows_;
  ForwardRow<E>** const active_;
};

template <template <typename> class CellT, typename T>
void PackForward(const ForwardArgs<T>& a, const ForwardSpace<CellT, T>& space, const Pool& pool) {
  using L = Layout<CellT, OperandType<T>>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  const Index blocks = L::Blocks(s.units);
  int packers = static_cast<int>(Max(1, Min(pool.threads, blocks)));
  const auto pack = [&](auto phase, Range part) {
    constexpr int kPhase = decltype(phase)::value;
    using Input = GateSet<Cell, kPhase, false>;
    using Recurrent = GateSet<Cell, kPhase, true>;
    if (!space.gathered) {
      PackBlocks<L, Input>(a.kernel, s.input, s.units, part, space.input[kPhase]);
    }
    PackBlocks<L, Recurrent>(a.recurrent_kernel, s.units, s.units, part, space.recurrent[kPhase]);
  };
  if (space.in_place) packers = 1;  // has the bias to pack only
  ParallelFor(pool, packers, [&](int i) {
    const Range part = PartOf(blocks, i, packers);
    for (Index block = part.begin; block < part.end; ++block) {
      PackBias<L>(a.bias, s.units, block, space.bias);
    }
    if (space.in_place) return;
    pack(RowCount<0>(), part);
    if constexpr (Cell::kPhases == 2) pack(RowCount<1>(), part);
  });
}

template <template <typename> class CellT, typename T>
void Forward(const ForwardArgs<T>& a, const Pool& pool) {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  const ForwardSpace<CellT, T> space(a, pool, arena);
  if (s.time > 0 && !a.packed) PackForward<CellT, T>(a, space, pool);
  space.gathered.Fill(a, space.bias, pool);

  ForwardWeights<E> weights;
  for (int p = 0; p < L::Cell::kPhases; ++p) {
    weights.input[p] = space.input[p];
    weights.recurrent[p] = space.recurrent[p];
  }
  weights.bias = space.bias;
  weights.input_depth = s.input;
  weights.units = s.units;
  weights.saved_stride = (a.reserve_space == nullptr ? 1 : s.time) * s.batch * L::kRow;
  weights.sums_stride = space.in_place   ? L::kBlock
                        : space.gathered ? space.gathered.stride()
                                         : space.times_ahead * s.batch * L::Cell::kSums * L::kBlock;
  weights.sum_stride = space.in_place ? L::Padded(s.units) : Index{L::kBlock};
  const double work =
      static_cast<double>(s.time) * s.batch * L::Cell::kGates * s.units * (s.input + s.units);
  ForShares(pool, space.split, s, work,
            [&](const Share& share) { ForwardWorker<CellT, T>(a, space, weights, share).Run(); });
}

template <template <typename> class CellT, typename T>
std::size_t ForwardWorkspace(const ForwardArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  ForwardSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
