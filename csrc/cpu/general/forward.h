// The recurrence forwards with any option. A step makes all sums of its rows, then passes over
// each row: normalises, applies the cell, projects, zones out. The batch is cut into shards.
#pragma once

#include "csrc/cpu/carry.h"
#include "csrc/cpu/general/forward_space.h"
#include "csrc/cpu/general/norm.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
class GeneralForwardWorker {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  using V = Vec<A>;
  using Space = GeneralForwardSpace<CellT, T>;
  static constexpr int kN = kLanes<A>;

 public:
  GeneralForwardWorker(const ForwardArgs<T>& args, const Space& space, Range batch, int shard)
      : a_(args),
        s_(args.shape),
        o_(args.options),
        space_(space),
        p_(space.parameters),
        at_(args.shape, args.options),
        batch_(batch),
        width_(s_.Hidden()),
        padded_(L::Padded(s_.units)),
        columns_(L::PaddedColumns(Max(width_, s_.units))),
        reserve_(args.reserve_space, s_, o_),
        stride_(args.reserve_space == nullptr ? L::kRow : s_.time * s_.batch * L::kRow),
        active_(space.active + batch.begin),
        operands_(space.operands + batch.begin),
        results_(space.results + batch.begin),
        kept_(space.scratch + shard * space.scratch_size),
        state_(kept_ + L::Blocks(s_.units) * L::kRow),
        normal_(state_ + columns_),
        z_(normal_ + columns_) {}

  void Run() {
    for (Index b = batch_.begin; b < batch_.end; ++b) Begin(b);
    for (Index t = 0; t < s_.time; ++t) {
      count_ = 0;
      for (Index b = batch_.begin; b < batch_.end; ++b) {
        if (a_.mask != nullptr && !a_.mask[at_.Input(t, b)]) {
          Skip(t, b);
        } else {
          Prepare(t, b);
          active_[count_++] = b;
        }
      }
      if (count_ == 0) continue;
      Sums();
      if constexpr (Cell::kPhases == 2) SecondPhase();
      for (Index i = 0; i < count_; ++i) ApplyCell(active_[i], t);
      if (s_.projection > 0) Project();
      for (Index i = 0; i < count_; ++i) Finish(active_[i], t);
    }
    for (Index b = batch_.begin; b < batch_.end; ++b) End(b);
  }

 private:
  GeneralRow<A>& RowOf(Index b) const { return space_.rows[b]; }
  bool Norms() const { return o_.layer_norm; }

  void Begin(Index b) {
    GeneralRow<A>& row = RowOf(b);
    row = GeneralRow<A>();
    row.h = space_.h + b * columns_;
    row.new_h = space_.new_h + b * columns_;
    row.hidden = s_.projection > 0 ? space_.hidden + b * padded_ : row.new_h;
    LoadRow(a_.initial[0] + b * width_, width_, row.h);
    for (Index u = width_; u < columns_; ++u) row.h[u] = A(0);
    for (int s = 1; s < Cell::kStates; ++s) {
      A* const state = space_.states[s] + b * padded_;
      LoadState(a_, s, b * s_.units, s_.units, state);
      for (Index u = s_.units; u < padded_; ++u) state[u] = A(0);
      row.prev[s] = row.next[s] = state;
    }
    if (a_.reserve_space == nullptr) {
      row.inputs = space_.inputs + b * L::Blocks(s_.units) * L::kRow;
      row.recurrents = space_.recurrents + b * L::Blocks(s_.units) * L::kRow;
      row.scales = space_.scales + b * GeneralReserve<CellT, A>::kScales;
    }
    if (space_.dropped_x != nullptr) {
      row.dropped_x = space_.dropped_x + b * s_.input * Cell::kGates;
    }
    if (space_.dropped_h != nullptr) {
      row.dropped_h = space_.dropped_h + b * columns_ * (Cell::kGates + 1);
      row.factors = space_.factors + b * columns_;
      // A cell without recurrent products reads whole vectors of it.
      for (Index u = width_; u < columns_; ++u) {
        row.dropped_h[u] = row.dropped_h[columns_ * Cell::kGates + u] = A(0);
      }
    }
  }

  void Skip(Index t, Index b) {
    const bool zeros = !at_.HasOutputBefore(t) || o_.zero_output_for_mask;
    T* const to = a_.outputs + at_.OutputAt(t, b);
    const T* const from = zeros ? nullptr : a_.outputs + at_.OutputAt(t - 1, b);
    for (Index u = 0; u < width_; ++u) {
      if (zeros) {
        Store(A(0), to + u);
      } else {
        to[u] = from[u];
      }
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      if (a_.state_outputs[s] == nullptr) continue;
      T* const state = a_.state_outputs[s] + at_.Output(t, b) * s_.units;
      for (Index u = 0; u < s_.units; ++u) {
        Store(o_.zero_output_for_mask ? A(0) : RowOf(b).prev[s][u], state + u);
      }
    }
  }

  void Prepare(Index t, Index b) {
    GeneralRow<A>& row = RowOf(b);
    const Index step = t * s_.batch + b;
    if (space_.gathered) {
      row.sums = space_.gathered.Row(t, b);
    } else {
      PrepareInput(b, a_.x + at_.Input(t, b) * s_.input);
    }
    if (a_.state_dropout != nullptr) {
      const T* const factors = a_.state_dropout + at_.Step(t, b) * width_;
      for (Index u = 0; u < width_; ++u) row.h[u] *= Load(factors[u]);
    }
    if (DropsSteps(o_)) StepDropoutRow(o_, at_.Step(t, b), width_, {0, width_}, row.factors);
    if (a_.reserve_space == nullptr) return;
    row.inputs = reserve_.inputs + step * L::kRow;
    row.recurrents = reserve_.recurrents + step * L::kRow;
    if (Norms()) row.scales = reserve_.scales + step * GeneralReserve<CellT, A>::kScales;
    if (s_.projection > 0) row.hidden = reserve_.hidden + step * padded_;
    for (int s = 1; s < Cell::kStates; ++s) {
      row.next[s] = reserve_.states + (s - 1) * L::StateElements(s_) + step * padded_;
    }
  }

  void PrepareInput(Index b, const T* x) {
    GeneralRow<A>& row = RowOf(b);
    if (row.dropped_x != nullptr) {
      const Factors<T> factors{a_.input_dropout, s_.batch, s_.input};
      DropRow<GateSet<Cell, -1, false>>(x, {0, s_.input}, factors, b, row.dropped_x);
      row.x = row.dropped_x;
    } else if constexpr (kStaged<T>) {
      A* const to = space_.x + b * s_.input;
      LoadRow(x, s_.input, to);
      row.x = to;
    } else {
      row.x = x;
    }
  }

  // The products of all active rows with the weights of some gates, into their panel rows.
  template <typename Gates, bool kDropped>
  void Product(const A* packed, Index depth, bool to_recurrents, bool add) const {
    for (Index i = 0; i < count_; ++i) {
      const GeneralRow<A>& row = RowOf(active_[i]);
      results_[i] = to_recurrents ? row.recurrents : row.inputs;
    }
    GateSums<CellT, A, Gates, kDropped>(packed, depth, s_.units, operands_, results_, stride_,
                                        count_, add);
  }

  void Sums() const {
    for (Index i = 0; i < count_; ++i) {
      const GeneralRow<A>& row = RowOf(active_[i]);
      operands_[i] = row.x;
      if (Norms() && !space_.gathered) continue;
      const A* const first = space_.gathered ? row.sums : p_.bias;
      const Index first_stride = space_.gathered ? space_.gathered.stride() : p_.kSumsOfBlock;
      for (Index block = 0; block < L::Blocks(s_.units); ++block) {
        const A* const from = first + block * first_stride;
        A* const to = row.inputs + block * stride_;
        for (Index j = 0; j < p_.kSumsOfBlock; j += kN) StoreVec(to + j, LoadVec(from + j));
      }
    }
    using Input = GateSet<Cell, -1, false>;
    if (a_.input_dropout != nullptr) {
      Product<Input, true>(space_.input, s_.input, false, !Norms());
    } else if (!space_.gathered) {
      Product<Input, false>(space_.input, s_.input, false, !Norms());
    }
    if (Norms()) Normal<Input>(0, false);
    if constexpr (Cell::kRecurrent) RecurrentSums<0>();
  }

  template <int kPhase>
  void RecurrentSums() const {
    using Gates = GateSet<Cell, kPhase, true>;
    for (Index i = 0; i < count_; ++i) {
      GeneralRow<A>& row = RowOf(active_[i]);
      operands_[i] = Dropped<Gates>(row, active_[i], kPhase == 0 ? row.h : row.new_h);
    }
    const Index depth = kPhase == 0 ? width_ : s_.units;
    const bool add = !Norms() || kPhase > 0;
    if (a_.recurrent_dropout != nullptr) {
      Product<Gates, true>(space_.recurrent[kPhase], depth, true, add);
    } else {
      Product<Gates, false>(space_.recurrent[kPhase], depth, true, add);
    }
    if (Norms()) Normal<Gates>(1 + kPhase, true);
  }

  // The operand under dropout: as it is, times the step's factors, or so for every gate.
  template <typename Gates>
  const A* Dropped(const GeneralRow<A>& row, Index b, const A* operand) const {
    if (row.dropped_h == nullptr) return operand;
    const A* base = operand;
    if (DropsSteps(o_)) {
      A* const to = row.dropped_h + columns_ * Cell::kGates;
      for (Index u = 0; u < width_; ++u) to[u] = operand[u] * row.factors[u];
      base = to;
    }
    if (a_.recurrent_dropout == nullptr) return base;
    DropRow<Gates>(base, {0, width_}, Factors<T>{a_.recurrent_dropout, s_.batch, width_}, b,
                   row.dropped_h);
    return row.dropped_h;
  }

  template <typename Gates>
  void Normal(int scale, bool recurrent) const {
    for (Index i = 0; i < count_; ++i) {
      const GeneralRow<A>& row = RowOf(active_[i]);
      row.scales[scale] = Normalize<NormSet<CellT, A, Gates>>(
          recurrent ? row.recurrents : row.inputs, stride_, s_.units, A(o_.layer_norm_epsilon));
    }
  }

  // r * h of a cell with two phases, into new_h, then the sums of the second.
  void SecondPhase() const {
    for (Index i = 0; i < count_; ++i) {
      const GeneralRow<A>& row = RowOf(active_[i]);
      ForUnits([&](Index block, Index at, Index unit) {
        V sums[Cell::kSums], prev[Cell::kStates] = {LoadVec(row.h + unit)}, saved[Cell::kSaved];
        LoadSums<CellT, T>(p_, row.inputs, row.recurrents, stride_, block, at, sums);
        for (int k = 0; k < Cell::kSaved; ++k) saved[k] = V{};
        Cell::Prepare(p_.At(unit), sums, prev, saved);
        StoreVec(row.new_h + unit, saved[Cell::kOperand]);
        StoreVec(row.recurrents + block * stride_ + Cell::kOperand * L::kBlock + at,
                 saved[Cell::kOperand]);
      });
    }
    RecurrentSums<1>();
  }

  template <typename Body>
  TFRNN_INLINE void ForUnits(const Body& body) const {
    for (Index block = 0; block < L::Blocks(s_.units); ++block) {
      for (Index at = 0; at < L::kBlock; at += kN) body(block, at, block * L::kBlock + at);
    }
  }

  // From the sums to row.hidden and the new states.
  void ApplyCell(Index b, Index t) {
    const GeneralRow<A>& row = RowOf(b);
    const A* const h = Cell::kRecurrent ? row.h : Dropped<GateSet<Cell, -1, false>>(row, b, row.h);
    const bool norms_state = Cell::kEmits && Norms();
    ForUnits([&](Index block, Index at, Index unit) {
      V sums[Cell::kSums], prev[Cell::kStates], next[Cell::kStates], saved[Cell::kSaved];
      LoadSums<CellT, T>(p_, row.inputs, row.recurrents, stride_, block, at, sums);
      prev[0] = s_.projection > 0 ? V{} : LoadVec(h + unit);
      for (int s = 1; s < Cell::kStates; ++s) prev[s] = LoadVec(row.prev[s] + unit);
      const auto fn = p_.At(unit);
      if constexpr (Cell::kPhases == 2) Cell::Prepare(fn, sums, prev, saved);
      if constexpr (Cell::kEmits) {
        next[1] = Cell::Carry(fn, sums, prev[1], saved);
        if (!norms_state) next[0] = Cell::Emit(fn, saved, next[1]);
      } else {
        Cell::Forward(fn, sums, prev, next, saved);
      }
      if (norms_state) {
        StoreVec(state_ + unit, next[1]);
        StoreVec(normal_ + unit, next[1]);
        StoreVec(kept_ + unit, saved[Cell::kSaved - 1]);
        return;
      }
      StoreVec(row.hidden + unit, next[0]);
      for (int s = 1; s < Cell::kStates; ++s) StoreVec(state_ + unit, next[s]);
      if (Norms()) return;
      for (int k = 0; k < Cell::kSaved; ++k) {
        StoreVec(row.inputs + block * stride_ + k * L::kBlock + at, saved[k]);
      }
    });
    if constexpr (Cell::kEmits) {
      if (norms_state) EmitNormal(row);
      Carry(b, t);
    }
  }

  // h of the normalised state.
  void EmitNormal(const GeneralRow<A>& row) const {
    Normalize<NormState<CellT, A>>(normal_, L::kBlock, s_.units, A(o_.layer_norm_epsilon));
    ForUnits([&](Index, Index, Index unit) {
      const V c = MulAdd(LoadVec(normal_ + unit), LoadVec(p_.state_gain + unit),
                         LoadVec(p_.state_offset + unit));
      V saved[Cell::kSaved] = {};
      saved[Cell::kSaved - 1] = LoadVec(kept_ + unit);
      if constexpr (Cell::kEmits) StoreVec(row.hidden + unit, Cell::Emit(p_.fn, saved, c));
      if (o_.layer_norm_carry) StoreVec(state_ + unit, c);
    });
  }

  // The new state, from state_, after zoneout.
  void Carry(Index b, Index t) {
    GeneralRow<A>& row = RowOf(b);
    if (o_.cell_zoneout > 0) {
      ZoneoutRow(o_, Stream::kCellZoneout, at_.Step(t, b), s_.units, z_);
      for (Index u = 0; u < s_.units; ++u) state_[u] = Mix(z_[u], row.prev[1][u], state_[u]);
    }
    for (Index u = 0; u < padded_; ++u) row.next[1][u] = u < s_.units ? state_[u] : A(0);
    row.prev[1] = row.next[1];
    if (a_.state_outputs[1] != nullptr) {
      StoreRow(row.next[1], s_.units, a_.state_outputs[1] + at_.Output(t, b) * s_.units);
    }
  }

  void Project() const {
    for (Index i = 0; i < count_; ++i) {
      operands_[i] = RowOf(active_[i]).hidden;
      results_[i] = RowOf(active_[i]).new_h;
    }
    PlainGemm<L>(space_.projection, s_.units, s_.projection, operands_, results_, count_);
    if (o_.projection_clip <= 0) return;
    const A bound = A(o_.projection_clip);
    for (Index i = 0; i < count_; ++i) {
      for (Index u = 0; u < width_; ++u) results_[i][u] = Clamped(results_[i][u], -bound, bound);
    }
  }

  // The new h, after zoneout, rounded to what the output holds.
  void Finish(Index b, Index t) {
    GeneralRow<A>& row = RowOf(b);
    if (o_.zoneout > 0) {
      ZoneoutRow(o_, Stream::kZoneout, at_.Step(t, b), width_, z_);
      for (Index u = 0; u < width_; ++u) row.new_h[u] = Mix(z_[u], row.h[u], row.new_h[u]);
    }
    T* const to = a_.outputs + at_.OutputAt(t, b);
    StoreRow(row.new_h, width_, to);
    LoadRow(to, width_, row.h);
  }

  void End(Index b) const {
    const GeneralRow<A>& row = RowOf(b);
    StoreRow(row.h, width_, a_.final[0] + b * width_);
    for (int s = 1; s < Cell::kStates; ++s) {
      KeepState(a_, s, b * s_.units, s_.units, row.prev[s]);
    }
  }

  const ForwardArgs<T>& a_;
  const RnnShape& s_;
  const RnnOptions& o_;
  const Space& space_;
  const GeneralParameters<CellT, T>& p_;
  const Rows at_;
  const Range batch_;
  const Index width_, padded_, columns_;
  const GeneralReserve<CellT, A> reserve_;
  const Index stride_;  // from a block of a panel row to the next
  Index* const active_;
  const A** const operands_;
  A** const results_;
  A *const kept_, *const state_, *const normal_, *const z_;
  Index count_ = 0;
};

template <template <typename> class CellT, typename T>
void GeneralForward(const ForwardArgs<T>& a, const Pool& pool) {
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  const GeneralForwardSpace<CellT, T> space(a, pool, arena);
  if (!a.packed) PackGeneralForward<CellT, T>(a, space, pool);
  space.gathered.Fill(a, a.options.layer_norm ? nullptr : space.parameters.bias, pool);
  ParallelFor(pool, space.split.shards, [&](int i) {
    const Range batch = PartOf(s.batch, i, space.split.shards);
    GeneralForwardWorker<CellT, T>(a, space, batch, i).Run();
  });
}

template <template <typename> class CellT, typename T>
std::size_t GeneralForwardWorkspace(const ForwardArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  GeneralForwardSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
