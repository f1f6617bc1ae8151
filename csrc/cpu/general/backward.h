// The recurrence backwards with any option: the mirror image of general/forward.h. Gradients of
// parameters that belong to no product are summed up for every batch row by itself, and the rows
// added in their order: the result does not depend on the number of shards.
#pragma once

#include "csrc/cpu/general/backward_rows.h"
#include "csrc/cpu/general/norm.h"
#include "csrc/cpu/panel_gemm.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
class GeneralBackwardWorker : public GeneralBackwardRows<CellT, T> {
  using Base = GeneralBackwardRows<CellT, T>;
  using Base::a_, Base::s_, Base::o_, Base::space_, Base::p_, Base::at_, Base::batch_;
  using Base::active_, Base::operands_, Base::factors_, Base::results_, Base::count_;
  using Base::Begin, Base::Skip, Base::Prepare, Base::Unproject, Base::End;
  using Base::RowOf, Base::Norms, Base::ForUnits, Base::StateFactors;
  using Base::width_, Base::padded_, Base::from_, Base::to_, Base::stride_;
  using typename Base::A, typename Base::Cell, typename Base::L, typename Base::Row;
  using typename Base::V;

 public:
  using Base::Base;

  void Run() {
    for (Index b = batch_.begin; b < batch_.end; ++b) Begin(b);
    for (Index t = s_.time - 1; t >= 0; --t) {
      count_ = 0;
      for (Index b = batch_.begin; b < batch_.end; ++b) {
        if (space_.steps.Active(t, b)) {
          Prepare(t, b);
          active_[count_++] = b;
        } else {
          Skip(t, b);
        }
      }
      if (count_ == 0) continue;
      if (s_.projection > 0) Unproject();
      for (Index i = 0; i < count_; ++i) UndoCell(active_[i], t);
      if constexpr (Cell::kPhases == 2) UndoSecondPhase();
      for (Index i = 0; i < count_; ++i) UndoNorms(active_[i]);
      UndoProducts(t);
    }
    for (Index b = batch_.begin; b < batch_.end; ++b) End(b);
  }

 private:
  // The cell backwards, up to the gradients of its sums: to the panel row, or with layer
  // normalisation to row.dsums.
  void UndoCell(Index b, Index t) const {
    Row& row = RowOf(b);
    const A* const dh = s_.projection > 0 ? row.dhidden : row.dnew;
    if (Cell::kEmits && o_.cell_zoneout > 0) {
      ZoneoutRow(o_, Stream::kCellZoneout, at_.Step(t, b), s_.units, row.z);
      for (Index u = 0; u < s_.units; ++u) {
        row.dstate_past[u] = Mix(row.z[u], row.dstate[u], A(0));
        row.dstate[u] = Mix(row.z[u], A(0), row.dstate[u]);
      }
    }
    row.saved = from_.inputs + row.step * L::kRow;
    row.saved_stride = stride_;
    row.dsums = to_.inputs + row.step * L::kRow;
    row.dsums_stride = stride_;
    DropPrevious(row);
    if (Norms()) {
      Recompute(row);
      row.dsums = row.dsums_buffer;
      row.dsums_stride = L::kRow;
      if constexpr (Cell::kEmits) UndoEmit(row, dh);
    }
    ForUnits([&](Index block, Index at, Index unit) {
      V saved[Cell::kSaved], dsums[Cell::kSums], prev[Cell::kStates], next[Cell::kStates];
      V dnext[Cell::kStates], dprev[Cell::kStates];
      LoadSaved(row, block, at, saved);
      for (int k = 0; k < Cell::kSums; ++k) dsums[k] = saved[k];
      prev[0] = s_.projection > 0 ? V{} : LoadVec(row.operand + unit);
      next[0] = V{};
      dnext[0] = LoadVec(dh + unit);
      auto fn = p_.At(unit);
      if constexpr (Cell::kEmits) {
        prev[1] = LoadVec(row.state + unit);
        next[1] = Cell::CarryOf(fn, saved, prev[1]);
        dnext[1] = LoadVec(row.dstate + unit);
        if (Norms()) {
          dsums[3] = LoadVec(row.dsums + block * row.dsums_stride + 3 * L::kBlock + at);
          dprev[1] = Cell::CarryBackward(fn, saved, prev[1], next[1], dnext[1], dsums);
        } else {
          Cell::Backward(fn, saved, prev, next, dnext, dsums, dprev);
        }
        if (o_.cell_zoneout > 0) dprev[1] = dprev[1] + LoadVec(row.dstate_past + unit);
        StoreVec(row.dstate + unit, dprev[1]);
      } else {
        Cell::Backward(fn, saved, prev, next, dnext, dsums, dprev);
        StoreVec(row.dcell + unit, dprev[0]);
      }
      for (int k = 0; k < Cell::kVectors && row.dvectors != nullptr; ++k) {
        A* const to = row.dvectors + k * padded_ + unit;
        StoreVec(to, LoadVec(to) + fn.dvector[k]);
      }
      StoreSums(row, block, at, dsums, saved);
    });
  }

  void LoadSaved(const Row& row, Index block, Index at, V (&saved)[Cell::kSaved]) const {
    for (int k = 0; k < Cell::kSaved; ++k) {
      saved[k] = LoadVec(row.saved + block * row.saved_stride + k * L::kBlock + at);
    }
  }
  void StoreSums(const Row& row, Index block, Index at, const V (&dsums)[Cell::kSums],
                 const V (&saved)[Cell::kSaved]) const {
    for (int k = 0; k < Cell::kSaved; ++k) {
      StoreVec(row.dsums + block * row.dsums_stride + k * L::kBlock + at,
               k < Cell::kSums ? dsums[k] : saved[k]);
    }
  }

  // h as a cell without recurrent products sees it.
  void DropPrevious(Row& row) const {
    row.operand = row.h;
    if (Cell::kRecurrent) return;
    const Index b = row.step % s_.batch;
    if (a_.recurrent_dropout == nullptr && !DropsSteps(o_)) return;
    for (Index u = 0; u < s_.units; ++u) row.dropped_h[u] = row.h[u] * Factor(row, b, 0, u);
    row.operand = row.dropped_h;
  }
  A Factor(const Row& row, Index b, int gate, Index u) const {
    const A own = a_.recurrent_dropout == nullptr
                      ? A(1)
                      : A(Load(a_.recurrent_dropout[(gate * s_.batch + b) * width_ + u]));
    return DropsSteps(o_) ? own * row.factors[u] : own;
  }

  // What the cell saved, from the normalised shares: to row.saved_buffer.
  void Recompute(Row& row) const {
    const A* const inputs = from_.inputs + row.step * L::kRow;
    const A* const recurrents = from_.recurrents + row.step * L::kRow;
    ForUnits([&](Index block, Index at, Index unit) {
      V sums[Cell::kSums], prev[Cell::kStates], next[Cell::kStates], saved[Cell::kSaved];
      LoadSums<CellT, T>(p_, inputs, recurrents, stride_, block, at, sums);
      prev[0] = s_.projection > 0 ? V{} : LoadVec(row.operand + unit);
      if constexpr (Cell::kStates > 1) prev[1] = LoadVec(row.state + unit);
      const auto fn = p_.At(unit);
      if constexpr (Cell::kPhases == 2) Cell::Prepare(fn, sums, prev, saved);
      if constexpr (Cell::kEmits) {
        StoreVec(row.normal + unit, Cell::Carry(fn, sums, prev[1], saved));
      } else {
        Cell::Forward(fn, sums, prev, next, saved);
      }
      for (int k = 0; k < Cell::kSaved; ++k) {
        StoreVec(row.saved_buffer + block * L::kRow + k * L::kBlock + at, saved[k]);
      }
    });
    row.saved = row.saved_buffer;
    row.saved_stride = L::kRow;
  }

  // h of the normalised state backwards: the gradient of the state is in row.dstate after it.
  void UndoEmit(Row& row, const A* dh) const {
    const A scale =
        Normalize<NormState<CellT, A>>(row.normal, L::kBlock, s_.units, A(o_.layer_norm_epsilon));
    ForUnits([&](Index block, Index at, Index unit) {
      V saved[Cell::kSaved], dsums[Cell::kSums] = {};
      LoadSaved(row, block, at, saved);
      const V c = MulAdd(LoadVec(row.normal + unit), LoadVec(p_.state_gain + unit),
                         LoadVec(p_.state_offset + unit));
      V dc = Cell::EmitBackward(p_.fn, saved, c, LoadVec(dh + unit), dsums);
      if (o_.layer_norm_carry) dc = dc + LoadVec(row.dstate + unit);
      StoreVec(row.z + unit, dc);
      StoreVec(row.dsums + block * row.dsums_stride + 3 * L::kBlock + at, dsums[3]);
    });
    NormalizeBackward<NormState<CellT, A>, L::kBlock>(
        row.z, L::kBlock, row.normal, L::kBlock, scale, p_.state_gain, s_.units, row.dstate_gain,
        row.dstate_offset, row.normal, L::kBlock);
    for (Index u = 0; u < s_.units; ++u) {
      row.dstate[u] = o_.layer_norm_carry ? row.normal[u] : row.dstate[u] + row.normal[u];
    }
  }

  // The gradients of normalised sums to those of the products, in the panel row.
  template <typename Gates>
  void UndoNorm(const Row& row, int scale, bool recurrent) const {
    const A* const hat = (recurrent ? from_.recurrents : from_.inputs) + row.step * L::kRow;
    A* const to = (recurrent ? to_.recurrents : to_.inputs) + row.step * L::kRow;
    NormalizeBackward<NormSet<CellT, A, Gates>, GeneralParameters<CellT, T>::kSumsOfBlock>(
        row.dsums, row.dsums_stride, hat, stride_,
        from_.scales[row.step * GeneralReserve<CellT, A>::kScales + scale], p_.gain[recurrent],
        s_.units, row.dgain[recurrent], row.doffset[recurrent], to, stride_);
  }
  void UndoNorms(Index b) const {
    if (!Norms()) return;
    const Row& row = RowOf(b);
    UndoNorm<GateSet<Cell, -1, false>>(row, 0, false);
    if constexpr (Cell::kRecurrent) UndoNorm<GateSet<Cell, 0, true>>(row, 1, true);
  }

  // The gradient of r * h, then what is left of the cell.
  void UndoSecondPhase() const {
    using Gates = GateSet<Cell, 1, true>;
    for (Index i = 0; i < count_; ++i) {
      Row& row = RowOf(active_[i]);
      if (Norms()) {
        UndoNorm<Gates>(row, 2, true);
        for (Index block = 0; block < L::Blocks(s_.units); ++block) {  // for the weights' gradient
          const Index at = row.step * L::kRow + block * stride_ + Cell::kOperand * L::kBlock;
          for (Index u = 0; u < L::kBlock; ++u) {
            to_.recurrents[at + u] = from_.recurrents[at + u];
          }
        }
      }
      results_[i] = row.dhidden;
    }
    Product<1>();
    for (Index i = 0; i < count_; ++i) {
      Row& row = RowOf(active_[i]);
      if (DropsSteps(o_)) {
        for (Index u = 0; u < s_.units; ++u) row.dhidden[u] *= row.factors[u];
      }
      ForUnits([&](Index block, Index at, Index unit) {
        V saved[Cell::kSaved], dsums[Cell::kSums], prev[Cell::kStates], dprev[Cell::kStates];
        LoadSaved(row, block, at, saved);
        for (int k = 0; k < Cell::kSums; ++k) {
          dsums[k] = LoadVec(row.dsums + block * row.dsums_stride + k * L::kBlock + at);
        }
        prev[0] = LoadVec(row.h + unit);
        dprev[0] = LoadVec(row.dcell + unit);
        auto fn = p_.At(unit);
        Cell::PrepareBackward(fn, saved, prev, LoadVec(row.dhidden + unit), dsums, dprev);
        StoreVec(row.dcell + unit, dprev[0]);
        StoreSums(row, block, at, dsums, saved);
      });
    }
  }

  // Gradients of the sums times the weights of a phase, to results_.
  template <int kPhase>
  void Product() const {
    using Gates = GateSet<Cell, kPhase, true>;
    const Index width = kPhase == 0 ? width_ : s_.units;
    const Range tiles{0, L::Tiles(width)};
    for (Index i = 0; i < count_; ++i) {
      const Row& row = RowOf(active_[i]);
      operands_[i] = to_.recurrents + row.step * L::kRow;
      factors_[i] = row.gate_factors;
    }
    if (space_.gate_factors != nullptr) {
      DroppedPanelGemm<CellT, A, Gates>(space_.recurrent[kPhase], tiles, s_.units, stride_,
                                        operands_, factors_, space_.gate_stride, results_, count_,
                                        /*add=*/false);
    } else {
      PanelGemm<CellT, A, Gates>(space_.recurrent[kPhase], tiles, width, s_.units, stride_,
                                 operands_, results_, count_, /*add=*/false);
    }
  }

  // The gradient of h before the step.
  void UndoProducts(Index t) const {
    if constexpr (Cell::kRecurrent) {
      for (Index i = 0; i < count_; ++i) results_[i] = RowOf(active_[i]).dnew;
      Product<0>();
    }
    for (Index i = 0; i < count_; ++i) {
      const Row& row = RowOf(active_[i]);
      const Index b = active_[i];
      for (Index u = 0; u < width_; ++u) {
        A dh = row.dpast[u];
        if (!Cell::kEmits)
          dh += Cell::kRecurrent ? row.dcell[u] : row.dcell[u] * Factor(row, b, 0, u);
        if (Cell::kRecurrent) dh += DropsSteps(o_) ? row.dnew[u] * row.factors[u] : row.dnew[u];
        row.dh[u] = dh;
      }
      if (a_.state_dropout == nullptr) continue;
      const T* const factors = StateFactors(t, b);
      for (Index u = 0; u < width_; ++u) row.dh[u] *= Load(factors[u]);
    }
  }
};

template <template <typename> class CellT, typename T>
void PackGeneralBackward(const BackwardArgs<T>& a, const GeneralBackwardSpace<CellT, T>& space,
                         const Pool& pool) {
  using L = Layout<CellT, ComputeType<T>>;
  using Cell = typename L::Cell;
  const RnnShape& s = a.shape;
  space.parameters.Fill(a.bias, a.vectors, a.layer_norm);
  if constexpr (Cell::kRecurrent) {
    PackAllTransposed<L, GateSet<Cell, 0, true>>(a.recurrent_kernel, s.Hidden(), s.units,
                                                 space.recurrent[0], pool);
    if constexpr (Cell::kPhases == 2) {
      PackAllTransposed<L, GateSet<Cell, 1, true>>(a.recurrent_kernel, s.units, s.units,
                                                   space.recurrent[1], pool);
    }
    if (space.gate_factors != nullptr) {
      PadFactors<L>(a.recurrent_dropout, s.batch, s.Hidden(), space.gate_factors);
    }
  }
  if (s.projection > 0) {
    PackPlain<L>(a.projection, s.projection, s.units, /*transposed=*/true, space.transposed);
    PackPlain<L>(a.projection, s.units, s.projection, /*transposed=*/false, space.projection);
  }
}

template <template <typename> class CellT, typename T>
void GeneralBackward(const BackwardArgs<T>& a, const Pool& pool) {
  const RnnShape& s = a.shape;
  if (s.batch == 0 || s.units == 0) return;
  Arena arena(a.workspace);
  GeneralBackwardSpace<CellT, T> space(a, pool, arena);
  space.Clear(a.continues);
  space.steps.Fill();
  if (!a.packed) PackGeneralBackward<CellT, T>(a, space, pool);
  ParallelFor(pool, space.split.shards, [&](int i) {
    GeneralBackwardWorker<CellT, T>(a, space, PartOf(s.batch, i, space.split.shards)).Run();
  });
  space.Gather(a);
}

template <template <typename> class CellT, typename T>
std::size_t GeneralBackwardWorkspace(const BackwardArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  GeneralBackwardSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
