// A step of a batch row with any option: backwards, the counterpart of forward_row.cuh.
#pragma once

#include "cuda/general/row.cuh"

namespace tfrnn::cuda {

enum class BackwardStage {
  kBegin,    // before the last step
  kReceive,  // before the product that undoes the projection, if there is one
  kCell,     // before the first product of a step
  kBetween,  // after the first product of a cell with two phases
  kEnd,      // after the product of the first step
};

template <template <typename> class CellT, typename T>
struct BackwardRow : GeneralRow<CellT, T, GeneralBackwardLoop<T>> {
  using Base = GeneralRow<CellT, T, GeneralBackwardLoop<T>>;
  using Base::a, Base::t, Base::b, Base::row, Base::output_row, Base::active;
  using Base::Base, Base::kGates, Base::kSums, Base::kSaved, Base::kScales;
  using typename Base::A;
  using typename Base::Cell;

  TFRNN_DEVICE void Begin() const {
    TFRNN_OWN_UNITS(u, a.width) {
      const std::int64_t at = Base::InWidth(u);
      a.h[at] = prim::ToFloat(a.dfinal[0][at]);
      a.repeated[at] = 0;
    }
    TFRNN_OWN_UNITS(u, a.units) {
      if (Cell::kStates > 1)
        a.state[Base::InUnits(u)] = prim::ToFloat(a.dfinal[1][Base::InUnits(u)]);
      for (int k = 0; a.dvectors != nullptr && k < Cell::kVectors; ++k) VectorGradient(k, u) = 0;
    }
    const std::int64_t parameters = 2 * Base::NormWidth();
    for (std::int64_t i = prim::Thread(); a.dlayer_norm != nullptr && i < parameters;
         i += prim::Threads()) {
      a.dlayer_norm[b * parameters + i] = 0;
    }
  }

  // The gradient of the h that the cell or the projection made.
  TFRNN_DEVICE void Receive() const {
    TFRNN_OWN_UNITS(u, a.width) {
      const std::int64_t at = Base::InWidth(u);
      A dh = GradientBefore(t + 1, u);
      const A doutput = prim::ToFloat(a.doutputs[output_row * a.output_width + u]);
      A dnew = 0;
      if (active) {
        dh += doutput + a.repeated[at];
        a.repeated[at] = 0;
        const A kept = Base::KeptOf(0, u);
        dnew = Mix(kept, A(0), dh);
        dh = Mix(kept, dh, A(0));
      } else if (!a.options.zero_output_for_mask) {
        a.repeated[at] += doutput;
      }
      a.h[at] = dh;
      a.dnew[at] = dnew;
      if (!Base::Projects()) continue;
      T* const projected = a.projected + row * a.width + u;
      const A inside = active ? prim::ToFloat(*projected) : A(0);
      *projected = prim::FromFloat<T>(inside != 0 ? dnew : A(0));
    }
    if (a.dstate_outputs == nullptr || (!active && a.options.zero_output_for_mask)) return;
    TFRNN_OWN_UNITS(u, a.units) {
      a.state[Base::InUnits(u)] += prim::ToFloat(a.dstate_outputs[output_row * a.units + u]);
    }
  }

  // The cell, up to what the first product multiplies.
  TFRNN_DEVICE void Step() const {
    if (!active) return Clear();
    if (Base::NormsState()) UndoEmit();
    TFRNN_OWN_UNITS(u, a.units) UndoCell(u);
    if constexpr (Cell::kPhases == 2) {
      if (a.options.layer_norm) return UndoNorms<1, true>(false);
      TFRNN_OWN_UNITS(u, a.units) {
        TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
          if (Cell::Phase(g) == 1) PutOperand(g, u, Sum(Cell::RecurrentSum(g), u));
        }
      }
    } else {
      if (a.options.layer_norm) UndoNorms<0, Cell::kRecurrent>(true);
      KeepMultiplied();
    }
  }

  // Given the gradient of what the second phase multiplied.
  TFRNN_DEVICE void Between() const {
    if constexpr (Cell::kPhases == 2) {
      if (!active) return;
      TFRNN_OWN_UNITS(u, a.units) {
        A saved[kSaved], dsums[kSums], dprev[1] = {};
        const A prev[1] = {PreviousH(u)};
        Load(u, saved);
        TFRNN_UNROLL for (int s = 0; s < kSums; ++s) dsums[s] = Sum(s, u);
        auto fn = Base::FunctionsOf(u);
        Cell::PrepareBackward(fn, saved, prev, Product(1, t, u), dsums, dprev);
        a.h[Base::InWidth(u)] += dprev[0];
        PutSums(u, dsums);
      }
      if (a.options.layer_norm) UndoNorms<0, true>(true);
      KeepMultiplied();
    }
  }

  TFRNN_DEVICE void End() const {
    TFRNN_OWN_UNITS(u, a.width) {
      const std::int64_t at = Base::InWidth(u);
      a.h[at] = GradientBefore(0, u);  // for the segment before
      a.dinitial[0][at] = prim::FromFloat<T>(a.h[at]);
    }
    TFRNN_OWN_UNITS(u, Cell::kStates > 1 ? a.units : 0) {
      a.dinitial[1][Base::InUnits(u)] = prim::FromFloat<T>(a.state[Base::InUnits(u)]);
    }
  }

 private:
  // Whether the gradients of the sums wait for others of their row.
  TFRNN_DEVICE bool Waits() const { return Cell::kPhases == 2 || a.options.layer_norm; }
  TFRNN_DEVICE A& Sum(int s, int u) const {
    return a.dsums[(std::int64_t{b} * kSums + s) * a.units + u];
  }
  TFRNN_DEVICE A& VectorGradient(int k, int u) const {
    return a.dvectors[(std::int64_t{b} * Cell::kVectors + k) * a.units + u];
  }
  // The gradients of a gain and of its offset get their shares.
  TFRNN_DEVICE void AddNormGradient(std::int64_t at, A dy, A hat) const {
    A* const own = a.dlayer_norm + 2 * Base::NormWidth() * b + at;
    own[0] += dy * hat;
    own[Base::NormWidth()] += dy;
  }
  TFRNN_DEVICE void PutOperand(int gate, int u, A value) const {
    a.operand[(std::int64_t{b} * kGates + gate) * a.units + u] = prim::FromFloat<T>(value);
  }
  // What the products of a phase of a step bring to the gradient of what they multiplied.
  TFRNN_DEVICE A Product(int phase, std::int32_t step, int u) const {
    if (!Cell::kRecurrent || step >= a.time) return 0;
    A sum = 0;
    Base::ForOperands(phase, [&](int g) {
      sum += a.product[(std::int64_t{g} * a.batch + b) * a.width + u] * Base::GateFactor(g, u);
    });
    return sum * Base::StepFactor(step, u);
  }
  // The gradient of h before a step.
  TFRNN_DEVICE A GradientBefore(std::int32_t step, int u) const {
    const A dh = a.h[Base::InWidth(u)] + Product(0, step, u);
    if (a.state_dropout == nullptr || step >= a.time) return dh;
    const bool lets_through = a.mask == nullptr || a.mask[RowOf(a.input, step, b)];
    return lets_through ? dh * Base::StateFactor(step, u) : dh;
  }
  TFRNN_DEVICE A PreviousH(int u) const { return prim::ToFloat(a.previous[0][row * a.width + u]); }

  // A masked step moves nothing.
  TFRNN_DEVICE void Clear() const {
    TFRNN_OWN_UNITS(u, a.units) {
      TFRNN_UNROLL for (int k = 0; k < kSaved; ++k) {
        Base::GatesOf(u)[std::int64_t{k} * a.units] = prim::FromFloat<T>(0);
        if (a.recurrents == nullptr) continue;
        Base::RecurrentsOf(u)[std::int64_t{k} * a.units] = prim::FromFloat<T>(0);
      }
      TFRNN_UNROLL for (int g = 0; g < kGates; ++g) PutOperand(g, u, 0);
    }
  }

  // What the cell saved: with layer normalisation, made again of the normalised shares.
  TFRNN_DEVICE void Load(int u, A (&saved)[kSaved]) const {
    if (!a.options.layer_norm) {
      TFRNN_UNROLL for (int k = 0; k < kSaved; ++k) {
        saved[k] = prim::ToFloat(Base::GatesOf(u)[std::int64_t{k} * a.units]);
      }
      return;
    }
    A sums[kSums] = {}, prev[Cell::kStates], next[Cell::kStates];
    Base::AddBias(u, sums);
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      Base::AddShare(false, g, u, Hat(false, g, u), sums);
      if (Cell::kRecurrent) Base::AddShare(true, g, u, Hat(true, g, u), sums);
    }
    LoadPrevious(u, prev);
    const auto fn = Base::FunctionsOf(u);
    if constexpr (Cell::kPhases == 2) Cell::Prepare(fn, sums, prev, saved);
    if constexpr (Cell::kEmits) {
      Cell::Carry(fn, sums, prev[1], saved);
    } else {
      Cell::Forward(fn, sums, prev, next, saved);
    }
  }
  TFRNN_DEVICE A Hat(bool recurrent, int gate, int u) const {
    const std::int64_t at =
        std::int64_t{recurrent ? Cell::RecurrentSum(gate) : Cell::InputSum(gate)} * a.units;
    return prim::ToFloat(recurrent ? Base::RecurrentsOf(u)[at] : Base::GatesOf(u)[at]);
  }
  // The states as the cell saw them.
  TFRNN_DEVICE void LoadPrevious(int u, A (&prev)[Cell::kStates]) const {
    prev[0] = Base::Projects() ? A(0) : PreviousH(u);
    if (!Cell::kRecurrent) prev[0] *= Base::GateFactor(0, u) * Base::StepFactor(t, u);
    if constexpr (Cell::kStates > 1) prev[1] = prim::ToFloat(a.previous[1][row * a.units + u]);
  }
  TFRNN_DEVICE A GradientOfEmitted(int u) const {
    return Base::Projects() ? a.beside[Base::InUnits(u)] : a.dnew[Base::InUnits(u)];
  }

  // h of the normalised state backwards: leaves the gradient of the state in `dstate` and that of
  // the last sum in `dsums`.
  TFRNN_DEVICE void UndoEmit() const {
    if constexpr (Cell::kEmits) {
      A sum[1] = {}, squares[1] = {}, products[2] = {};
      TFRNN_OWN_UNITS(u, a.units) {
        A saved[kSaved], prev[Cell::kStates];
        Load(u, saved);
        LoadPrevious(u, prev);
        sum[0] += a.normal[Base::InUnits(u)] = Cell::CarryOf(Base::FunctionsOf(u), saved, prev[1]);
      }
      BlockSums(sum);
      Moments<A> moments;
      moments.mean = sum[0] / a.units;
      TFRNN_OWN_UNITS(u, a.units) {
        const A difference = a.normal[Base::InUnits(u)] - moments.mean;
        squares[0] += difference * difference;
      }
      BlockSums(squares);
      moments.SetScale(squares[0], a.units, a.options.layer_norm_epsilon);
      TFRNN_OWN_UNITS(u, a.units) {
        const std::int64_t own = Base::InUnits(u), at = Base::StateNormAt(u);
        const A hat = moments.Hat(a.normal[own]);
        A saved[kSaved], dsums[kSums] = {};
        Load(u, saved);
        A dc =
            Cell::EmitBackward(Base::FunctionsOf(u), saved, hat * Base::Gain(at) + Base::Offset(at),
                               GradientOfEmitted(u), dsums);
        if (a.options.layer_norm_carry) dc += LetIn(u);
        AddNormGradient(at, dc, hat);
        const A dhat = dc * Base::Gain(at);
        products[0] += dhat, products[1] += dhat * hat;
        a.normal[own] = hat, a.dstate[own] = dhat;
        Sum(kSaved - 1, u) = dsums[kSaved - 1];
      }
      BlockSums(products);
      const A mean = products[0] / a.units, mean_product = products[1] / a.units;
      TFRNN_OWN_UNITS(u, a.units) {
        const std::int64_t own = Base::InUnits(u);
        const A dc = (a.dstate[own] - mean - a.normal[own] * mean_product) * moments.scale;
        a.dstate[own] = a.options.layer_norm_carry ? dc : dc + LetIn(u);
      }
    }
  }
  // The gradient of what zoneout let into the state.
  TFRNN_DEVICE A LetIn(int u) const {
    return Mix(Base::KeptOf(1, u), A(0), a.state[Base::InUnits(u)]);
  }

  TFRNN_DEVICE void UndoCell(int u) const {
    A saved[kSaved], dsums[kSums], prev[Cell::kStates], next[Cell::kStates] = {};
    A dnext[Cell::kStates], dprev[Cell::kStates];
    Load(u, saved);
    LoadPrevious(u, prev);
    dnext[0] = GradientOfEmitted(u);
    auto fn = Base::FunctionsOf(u);
    TFRNN_UNROLL for (int s = 0; s < kSums; ++s) dsums[s] = 0;
    if constexpr (Cell::kEmits) {
      const std::int64_t own = Base::InUnits(u);
      const A past = Mix(Base::KeptOf(1, u), a.state[own], A(0));
      next[1] = Cell::CarryOf(fn, saved, prev[1]);
      if (a.options.layer_norm) {
        dsums[kSaved - 1] = Sum(kSaved - 1, u);
        dprev[1] = Cell::CarryBackward(fn, saved, prev[1], next[1], a.dstate[own], dsums);
      } else {
        dnext[1] = LetIn(u);
        Cell::Backward(fn, saved, prev, next, dnext, dsums, dprev);
      }
      a.state[own] = dprev[1] + past;
    } else {
      Cell::Backward(fn, saved, prev, next, dnext, dsums, dprev);
      if (!Cell::kRecurrent) dprev[0] *= Base::GateFactor(0, u) * Base::StepFactor(t, u);
      a.h[Base::InWidth(u)] += dprev[0];
    }
    if (a.dvectors != nullptr) {
      TFRNN_UNROLL for (int k = 0; k < Cell::kVectors; ++k) VectorGradient(k, u) += fn.dvector[k];
    }
    if (!Waits()) return PutSums(u, dsums);
    TFRNN_UNROLL for (int s = 0; s < kSums; ++s) Sum(s, u) = dsums[s];
  }

  // The gradients of the sums, as far as they are known and nothing more is to be done to them.
  TFRNN_DEVICE void PutSums(int u, const A (&dsums)[kSums]) const {
    TFRNN_UNROLL for (int s = 0; s < kSums; ++s) {
      if (a.options.layer_norm) {
        Sum(s, u) = dsums[s];
      } else {
        Base::GatesOf(u)[std::int64_t{s} * a.units] = prim::FromFloat<T>(dsums[s]);
      }
    }
    if (a.options.layer_norm) return;
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      if (Cell::Phase(g) == 0) PutOperand(g, u, dsums[Cell::RecurrentSum(g)]);
    }
  }

  // From the gradients of the sums to those of the products: of x·kernel, and of a phase.
  template <int kPhase, bool kOfPhase>
  TFRNN_DEVICE void UndoNorms(bool of_input) const {
    A sums[4] = {};  // of the gradients of the normalised, and of their products with it
    const auto gather = [&](bool recurrent, int g, int u) {
      const std::int64_t at = Base::NormAt(recurrent, g, u);
      const A dy = Sum(recurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g), u);
      const A hat = Hat(recurrent, g, u), dhat = dy * Base::Gain(at);
      AddNormGradient(at, dy, hat);
      sums[2 * recurrent] += dhat, sums[2 * recurrent + 1] += dhat * hat;
    };
    TFRNN_OWN_UNITS(u, a.units) {
      TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
        if (of_input) gather(false, g, u);
        if (kOfPhase && Cell::Phase(g) == kPhase) gather(true, g, u);
      }
    }
    BlockSums(sums);
    const A counts[2] = {static_cast<A>(kGates) * a.units,
                         static_cast<A>(GateCount<Cell>(kPhase)) * a.units};
    const A* const scales = a.scales + row * kScales;
    const auto undo = [&](bool recurrent, int g, int u) {
      const A dy = Sum(recurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g), u);
      const A dhat = dy * Base::Gain(Base::NormAt(recurrent, g, u));
      const A mean = sums[2 * recurrent] / counts[recurrent];
      const A mean_product = sums[2 * recurrent + 1] / counts[recurrent];
      return (dhat - mean - Hat(recurrent, g, u) * mean_product) *
             scales[recurrent ? 1 + kPhase : 0];
    };
    TFRNN_OWN_UNITS(u, a.units) {
      TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
        if (of_input) {
          Base::GatesOf(u)[std::int64_t{Cell::InputSum(g)} * a.units] =
              prim::FromFloat<T>(undo(false, g, u));
        }
        if (!kOfPhase || Cell::Phase(g) != kPhase) continue;
        const A d = undo(true, g, u);
        Base::RecurrentsOf(u)[std::int64_t{Cell::RecurrentSum(g)} * a.units] =
            prim::FromFloat<T>(d);
        PutOperand(g, u, d);
      }
    }
  }

  // What the weights were multiplied with, for their gradient, but for the factors of a gate.
  TFRNN_DEVICE void KeepMultiplied() const {
    if (!Cell::kRecurrent || a.noise.dropout_below == 0) return;
    const auto drop = [&](T* value, int u) {
      *value = prim::FromFloat<T>(prim::ToFloat(*value) * Base::StepFactor(t, u));
    };
    TFRNN_OWN_UNITS(u, a.width) drop(a.previous[0] + row * a.width + u, u);
    if constexpr (Cell::kPhases == 2) {
      TFRNN_OWN_UNITS(u, a.units) {
        T* const saved = a.options.layer_norm ? Base::RecurrentsOf(u) : Base::GatesOf(u);
        drop(saved + std::int64_t{Cell::kOperand} * a.units, u);
      }
    }
  }
};

template <template <typename> class CellT, typename T>
TFRNN_KERNEL(kRowThreads)
RowBackward(const GeneralBackwardLoop<T> a, std::int32_t t, BackwardStage stage) {
  const BackwardRow<CellT, T> row(a, t, prim::Block().x);
  switch (stage) {
    case BackwardStage::kBegin:
      return row.Begin();
    case BackwardStage::kReceive:
      return row.Receive();
    case BackwardStage::kCell:
      if (!row.Projects()) row.Receive();
      return row.Step();
    case BackwardStage::kBetween:
      return row.Between();
    case BackwardStage::kEnd:
      return row.End();
  }
}

}  // namespace tfrnn::cuda
