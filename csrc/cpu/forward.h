// The recurrence forwards. The batch is cut into shards that never wait for each other; each
// walks through time with its own rows, of which a step computes only those the mask lets
// through.
#pragma once

#include "csrc/cpu/forward_step.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Rows of 16-bit tensors are converted step by step; others are read and written in place.
template <typename T>
constexpr bool kStaged = sizeof(T) == 2;

inline int BatchShards(const RnnShape& shape, const Pool& pool) {
  return static_cast<int>(Max(1, Min(pool.threads, shape.batch)));
}

template <template <typename> class CellT, typename T>
struct ForwardSpace {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;

  A *input[2] = {}, *recurrent[2] = {}, *bias;
  A* state[kMaxStates] = {};  // [B, padded], s >= 1: initial; the running state in inference
  A* h[2] = {};               // [B, padded], staged only: h of this step and the previous one
  A* x = nullptr;             // [B, C], staged only
  A* operand = nullptr;       // [B, padded], two phases only
  A* panels = nullptr;        // one step's panels, two phases in inference only
  ForwardRow<A>* rows;        // [B]
  ForwardRow<A>** active;     // [B]

  ForwardSpace(const ForwardArgs<T>& a, Arena& arena) {
    const RnnShape& s = a.shape;
    const Index padded = s.batch * L::Padded(s.units);
    TakeWeights<0>(s, arena);
    if constexpr (Cell::kPhases == 2) TakeWeights<1>(s, arena);
    bias = arena.Take<A>(Cell::kSums * L::Padded(s.units));
    for (int i = 1; i < Cell::kStates; ++i) state[i] = arena.Take<A>(padded);
    if (kStaged<T>) {
      for (A*& buffer : h) buffer = arena.Take<A>(padded);
      x = arena.Take<A>(s.batch * s.input);
    }
    if (Cell::kPhases == 2) {
      operand = arena.Take<A>(padded);
      if (a.reserve_space == nullptr) {
        panels = arena.Take<A>(L::Blocks(s.units) * s.batch * L::kRow);
      }
    }
    rows = arena.Take<ForwardRow<A>>(s.batch);
    active = arena.Take<ForwardRow<A>*>(s.batch);
  }

 private:
  template <int kPhase>
  void TakeWeights(const RnnShape& s, Arena& arena) {
    input[kPhase] =
        arena.Take<A>(PackedElements<L, GateSet<Cell, kPhase, false>>(s.input, s.units));
    recurrent[kPhase] =
        arena.Take<A>(PackedElements<L, GateSet<Cell, kPhase, true>>(s.units, s.units));
  }
};

template <template <typename> class CellT, typename T>
class ForwardShard {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;

 public:
  ForwardShard(const ForwardArgs<T>& args, const ForwardSpace<CellT, T>& space,
               const ForwardWeights<A>& weights, Range batch)
      : a_(args),
        space_(space),
        weights_(weights),
        batch_(batch),
        at_(args.shape, args.options),
        padded_(L::Padded(args.shape.units)),
        panels_(static_cast<A*>(args.reserve_space)),
        states_(panels_ == nullptr ? nullptr : panels_ + L::PanelElements(args.shape)) {}

  void Run() {
    for (Index b = batch_.begin; b < batch_.end; ++b) Begin(b);
    for (Index t = 0; t < a_.shape.time; ++t) {
      Index count = 0;
      for (Index b = batch_.begin; b < batch_.end; ++b) {
        if (a_.mask != nullptr && !a_.mask[at_.Input(t, b)]) {
          Skip(t, b);
        } else {
          Prepare(t, b);
          space_.active[batch_.begin + count++] = &space_.rows[b];
        }
      }
      ForwardRow<A>** active = space_.active + batch_.begin;
      if (count > 0) ForwardStep<CellT, A>(weights_, active, count);
      for (Index i = 0; i < count; ++i) Advance(t, active[i]);
    }
    for (Index b = batch_.begin; b < batch_.end; ++b) End(b);
  }

 private:
  void Begin(Index b) {
    const Index units = a_.shape.units;
    ForwardRow<A>& row = space_.rows[b];
    row = ForwardRow<A>();
    if constexpr (kStaged<T>) {
      LoadRow(a_.initial[0] + b * units, units, space_.h[0] + b * padded_);
      row.prev[0] = space_.h[0] + b * padded_;
      row.next[0] = space_.h[1] + b * padded_;
      row.x = space_.x + b * a_.shape.input;
    } else {
      row.prev[0] = a_.initial[0] + b * units;
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      A* const state = space_.state[s] + b * padded_;
      LoadRow(a_.initial[s] + b * units, units, state);
      for (Index u = units; u < padded_; ++u) state[u] = A(0);
      row.prev[s] = row.next[s] = state;
    }
    if (Cell::kPhases == 2) row.operand = space_.operand + b * padded_;
    if (space_.panels != nullptr) row.saved = space_.panels + b * L::kRow;
  }

  // A masked step carries the states and repeats the output, or puts out zeros.
  void Skip(Index t, Index b) {
    const Index units = a_.shape.units;
    T* const to = a_.outputs + at_.Output(t, b) * units;
    if (t == 0 || a_.options.zero_output_for_mask) {
      for (Index u = 0; u < units; ++u) Store(A(0), to + u);
    } else {
      const T* const from = a_.outputs + at_.Output(t - 1, b) * units;
      for (Index u = 0; u < units; ++u) to[u] = from[u];
    }
  }

  void Prepare(Index t, Index b) {
    ForwardRow<A>& row = space_.rows[b];
    const T* const x = a_.x + at_.Input(t, b) * a_.shape.input;
    if constexpr (kStaged<T>) {
      LoadRow(x, a_.shape.input, space_.x + b * a_.shape.input);
    } else {
      row.x = x;
      row.next[0] = a_.outputs + at_.Output(t, b) * a_.shape.units;
    }
    if (panels_ != nullptr) {
      const Index step = t * a_.shape.batch + b;
      row.saved = panels_ + step * L::kRow;
      for (int s = 1; s < Cell::kStates; ++s) {
        row.next[s] = states_ + (s - 1) * L::StateElements(a_.shape) + step * padded_;
      }
    }
  }

  void Advance(Index t, ForwardRow<A>* row) {
    A* const h = row->next[0];
    if constexpr (kStaged<T>) {  // what is stored is what the next step reads
      const Index units = a_.shape.units;
      T* const to = a_.outputs + at_.Output(t, row - space_.rows) * units;
      StoreRow(h, units, to);
      LoadRow(to, units, h);
      row->next[0] = const_cast<A*>(row->prev[0]);  // one of the two buffers of this row
    }
    row->prev[0] = h;
    for (int s = 1; s < Cell::kStates; ++s) row->prev[s] = row->next[s];
  }

  void End(Index b) {
    const Index units = a_.shape.units;
    for (int s = 0; s < Cell::kStates; ++s) {
      StoreRow(space_.rows[b].prev[s], units, a_.final[s] + b * units);
    }
  }

  const ForwardArgs<T>& a_;
  const ForwardSpace<CellT, T>& space_;
  const ForwardWeights<A>& weights_;
  const Range batch_;
  const Rows at_;
  const Index padded_;
  A* const panels_;
  A* const states_;
};

template <template <typename> class CellT, typename T>
void Forward(const ForwardArgs<T>& a, const Pool& pool) {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  const ForwardSpace<CellT, T> space(a, arena);

  const Index blocks = L::Blocks(s.units);
  const int packers = static_cast<int>(Max(1, Min(pool.threads, blocks)));
  const auto pack = [&](auto phase, Index block) {
    constexpr int kPhase = decltype(phase)::value;
    using Input = GateSet<Cell, kPhase, false>;
    using Recurrent = GateSet<Cell, kPhase, true>;
    PackBlock<L, Input>(a.kernel, s.input, s.units, block, space.input[kPhase]);
    PackBlock<L, Recurrent>(a.recurrent_kernel, s.units, s.units, block, space.recurrent[kPhase]);
  };
  if (s.time > 0) {
    ParallelFor(pool, packers, [&](int i) {
      const Range part = PartOf(blocks, i, packers);
      for (Index block = part.begin; block < part.end; ++block) {
        PackBias<L>(a.bias, s.units, block, space.bias);
        pack(RowCount<0>(), block);
        if constexpr (Cell::kPhases == 2) pack(RowCount<1>(), block);
      }
    });
  }

  ForwardWeights<A> weights;
  for (int p = 0; p < Cell::kPhases; ++p) {
    weights.input[p] = space.input[p];
    weights.recurrent[p] = space.recurrent[p];
  }
  weights.bias = space.bias;
  weights.input_depth = s.input;
  weights.units = s.units;
  weights.saved_stride = (a.reserve_space == nullptr ? 1 : s.time) * s.batch * L::kRow;
  const int shards = BatchShards(s, pool);
  ParallelFor(pool, shards, [&](int i) {
    ForwardShard<CellT, T>(a, space, weights, PartOf(s.batch, i, shards)).Run();
  });
}

template <template <typename> class CellT, typename T>
std::size_t ForwardWorkspace(const ForwardArgs<T>& a, const Pool&) {
  Arena arena(nullptr);
  ForwardSpace<CellT, T>(a, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
