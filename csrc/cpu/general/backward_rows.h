// The batch rows of the general loops on the way back: the states before a step, what reaches it
// from the steps after it and from the outputs, and what the rows end with.
#pragma once

#include "csrc/cpu/carry.h"
#include "csrc/cpu/general/backward_space.h"
#include "csrc/cpu/general/gemm.h"
#include "csrc/cpu/general/random.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
class GeneralBackwardRows {
 protected:
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  using V = Vec<A>;
  using Space = GeneralBackwardSpace<CellT, T>;
  using Row = GeneralBackwardRow<A>;
  static constexpr int kN = kLanes<A>;

 public:
  GeneralBackwardRows(const BackwardArgs<T>& args, const Space& space, Range batch)
      : a_(args),
        s_(args.shape),
        o_(args.options),
        space_(space),
        p_(space.parameters),
        at_(args.shape, args.options),
        batch_(batch),
        width_(s_.Hidden()),
        padded_(L::Padded(s_.units)),
        columns_(space.columns),
        from_(const_cast<void*>(args.reserve_space), s_, o_),
        to_(args.dgates, s_, o_),
        stride_(s_.time * s_.batch * L::kRow),
        active_(space.active + batch.begin),
        operands_(space.operands + batch.begin),
        factors_(space.factor_rows + batch.begin),
        results_(space.results + batch.begin) {}

 protected:
  Row& RowOf(Index b) const { return space_.rows[b]; }
  bool Norms() const { return o_.layer_norm; }
  bool Repeats() const { return a_.mask != nullptr && !o_.zero_output_for_mask; }
  template <typename Body>
  TFRNN_INLINE void ForUnits(const Body& body) const {
    for (Index block = 0; block < L::Blocks(s_.units); ++block) {
      for (Index at = 0; at < L::kBlock; at += kN) body(block, at, block * L::kBlock + at);
    }
  }

  void Begin(Index b) {
    Row& row = RowOf(b);
    row = space_.RowFor(b);
    LoadStateGradient(a_, 0, b * width_, width_, row.dh);
    if (Repeats()) LoadRepeated(a_, b * width_, width_, row.repeated);
    LoadRow(a_.initial[0] + b * width_, width_, row.initial_h);
    for (int s = 1; s < Cell::kStates; ++s) {
      LoadStateGradient(a_, s, b * s_.units, s_.units, row.dstate);
      LoadState(a_, s, b * s_.units, s_.units, row.initial_state);
    }
  }

  // A masked step: what it repeated gets its gradients.
  void Skip(Index t, Index b) const {
    if (o_.zero_output_for_mask) return;
    const Row& row = RowOf(b);
    AddRow(a_.doutputs + at_.OutputAt(t, b), width_, row.repeated);
    for (int s = 1; s < Cell::kStates; ++s) {
      if (a_.dstate_outputs[s] == nullptr) continue;
      AddRow(a_.dstate_outputs[s] + at_.Output(t, b) * s_.units, s_.units, row.dstate);
    }
  }

  // What h was multiplied with before the step, with state_dropout only.
  const T* StateFactors(Index t, Index b) const {
    return a_.state_dropout + at_.Step(t, b) * width_;
  }

  static void AddRow(const T* from, Index count, A* to) {
    for (Index i = 0; i < count; ++i) to[i] += Load(from[i]);
  }

  // The states before the step, and the gradient of the h that the cell or the projection made:
  // to `dnew`; what zoneout passes by, to `dpast`.
  void Prepare(Index t, Index b) const {
    Row& row = RowOf(b);
    const Index step = t * s_.batch + b, previous = space_.steps.Previous(t, b);
    row.step = step;
    if (previous < 0) {
      row.h = row.initial_h;
    } else {
      LoadRow(a_.outputs + at_.OutputAt(previous, b), width_, row.staged_h);
      row.h = row.staged_h;
    }
    if (a_.state_dropout != nullptr) {
      const T* const factors = StateFactors(t, b);
      for (Index u = 0; u < width_; ++u) row.staged_h[u] = row.h[u] * Load(factors[u]);
      row.h = row.staged_h;
    }
    for (int s = 1; s < Cell::kStates; ++s) {
      const A* const states = from_.states + (s - 1) * L::StateElements(s_);
      row.state = previous < 0 ? row.initial_state : states + (previous * s_.batch + b) * padded_;
      if (a_.dstate_outputs[s] == nullptr) continue;
      AddRow(a_.dstate_outputs[s] + at_.Output(t, b) * s_.units, s_.units, row.dstate);
    }
    AddRow(a_.doutputs + at_.OutputAt(t, b), width_, row.dh);
    if (Repeats()) {
      for (Index u = 0; u < width_; ++u) row.dh[u] += row.repeated[u], row.repeated[u] = A(0);
    }
    if (o_.zoneout > 0) ZoneoutRow(o_, Stream::kZoneout, at_.Step(t, b), width_, row.z);
    for (Index u = 0; u < width_; ++u) {
      const A z = o_.zoneout > 0 ? row.z[u] : A(0);
      row.dpast[u] = Mix(z, row.dh[u], A(0));
      row.dnew[u] = Mix(z, A(0), row.dh[u]);
    }
    if (DropsSteps(o_)) StepDropoutRow(o_, at_.Step(t, b), width_, {0, width_}, row.factors);
  }

  // The gradient of what was projected, to `dhidden`.
  void Unproject() const {
    for (Index i = 0; i < count_; ++i) {
      const Row& row = RowOf(active_[i]);
      operands_[i] = from_.hidden + row.step * padded_;
      results_[i] = row.dhidden;
    }
    if (o_.projection_clip > 0) {
      PlainGemm<L>(space_.projection, s_.units, width_, operands_, results_, count_);
      const A bound = A(o_.projection_clip);
      for (Index i = 0; i < count_; ++i) {
        const Row& row = RowOf(active_[i]);
        for (Index u = 0; u < width_; ++u) {
          if (row.dhidden[u] < -bound || row.dhidden[u] > bound) row.dnew[u] = A(0);
        }
      }
    }
    for (Index i = 0; i < count_; ++i) {
      const Row& row = RowOf(active_[i]);
      A* const dprojected = to_.dprojected + row.step * L::PaddedColumns(width_);
      for (Index u = 0; u < width_; ++u) dprojected[u] = row.dnew[u];
      A* const hidden = to_.hidden + row.step * padded_;
      for (Index u = 0; u < padded_; ++u) hidden[u] = operands_[i][u];
    }
    for (Index i = 0; i < count_; ++i) operands_[i] = RowOf(active_[i]).dnew;
    PlainGemm<L>(space_.transposed, width_, s_.units, operands_, results_, count_);
  }

  void End(Index b) const {
    const Row& row = RowOf(b);
    KeepStateGradient(a_, 0, b * width_, width_, row.dh);
    if (Repeats()) KeepRepeated(a_, b * width_, width_, row.repeated);
    for (int s = 1; s < Cell::kStates; ++s) {
      KeepStateGradient(a_, s, b * s_.units, s_.units, row.dstate);
    }
  }

  const BackwardArgs<T>& a_;
  const RnnShape& s_;
  const RnnOptions& o_;
  const Space& space_;
  const GeneralParameters<CellT, T>& p_;
  const Rows at_;
  const Range batch_;
  const Index width_, padded_, columns_;
  const GeneralReserve<CellT, A> from_, to_;
  const Index stride_;  // from a block of a panel row to the next
  Index* const active_;
  const A** const operands_;
  const A** const factors_;
  A** const results_;
  Index count_ = 0;
};

}  // namespace tfrnn::cpu::TFRNN_ISA
