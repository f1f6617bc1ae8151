// One unit of one batch row back through time: the counterpart of forward_unit.cuh.
//
// A step is Prefetch; Step, given the product of the recurrent weights with the gradients of the
// sums of the step before, which in time is the next one; and Store.
#pragma once

#include "cuda/forward_unit.cuh"

namespace tfrnn::cuda {

template <template <typename> class CellT, typename T>
struct BackwardUnit {
  using A = ComputeType<T>;
  using Cell = CellT<A>;
  using Loop = BackwardLoop<T>;
  static constexpr int kStates = Cell::kStates;
  static constexpr int kCarried = 2 * kStates + (Cell::kPhases == 2 ? Cell::kSums : 0);

  A dstate[kStates];  // but what reaches h through the product
  A doutput;          // of the masked steps that repeated this output
  A next[kStates];    // the states after the step
  // Of the step under way, as loaded.
  T saved[Cell::kSaved], previous[kStates], doutput_now, dstate_now;
  // Likewise, computed.
  bool active;  // whether the mask lets it through: see MaskAt
  static constexpr int kVectors = kHasOptions<Cell> ? Cell::kVectors : 0;
  A dsums[Cell::kSums], dvector[kVectors > 0 ? kVectors : 1];

  // What lasts from step to step, and from one phase to the other.
  TFRNN_DEVICE A& Carried(int i) {
    if (i < kStates) return dstate[i];
    if (i == kStates) return doutput;
    return i < 2 * kStates ? next[i - kStates] : dsums[i - 2 * kStates];
  }

  TFRNN_DEVICE void Begin(const Loop& a, const Place& p) {
    if (a.carry_in != nullptr) return LoadCarry(a, p, this);
    const std::int64_t at = std::int64_t{p.b} * a.units + p.u;
    TFRNN_UNROLL for (int k = 0; k < kVectors; ++k) {
      if (a.dvectors != nullptr) VectorGradient(a, p, k) = 0;
    }
    TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
      dstate[s] = prim::Arrived(prim::ToFloat(a.dfinal[s][at]));
      next[s] = s > 0 ? prim::Arrived(prim::ToFloat(a.last[s][at])) : A(0);
    }
    doutput = 0;
    if constexpr (Cell::kPhases == 2) {
      TFRNN_UNROLL for (int s = 0; s < Cell::kSums; ++s) dsums[s] = 0;
    }
  }

  TFRNN_DEVICE T& PreviousAt(const Loop& a, const Place& p, std::int32_t t, int s) const {
    return a.previous[s][RowOf(a.input, t, p.b) * a.units + p.u];
  }

  TFRNN_DEVICE void Prefetch(const Loop& a, const Place& p, std::int32_t t) {
    const T* const gates = a.gates + RowOf(a.input, t, p.b) * a.gates_width + p.u;
    TFRNN_UNROLL for (int i = 0; i < Cell::kSaved; ++i) saved[i] = gates[std::int64_t{i} * a.units];
    previous[0] = PreviousAt(a, p, t, 0);
    PrefetchMasked(a, p, t);
  }
  // What any step needs, also one that the mask does not let through.
  TFRNN_DEVICE void PrefetchMasked(const Loop& a, const Place& p, std::int32_t t) {
    doutput_now = a.doutputs[RowOf(a.output, t, p.b) * a.output_width + p.u];
    if constexpr (kHasOptions<Cell> && kStates > 1) {
      dstate_now = prim::FromFloat<T>(0);
      const std::int64_t at = RowOf(a.output, t, p.b) * a.units + p.u;
      if (a.dstate_outputs != nullptr) dstate_now = a.dstate_outputs[at];
    }
    TFRNN_UNROLL for (int s = 1; s < kStates; ++s) previous[s] = PreviousAt(a, p, t, s);
  }

  // What the product of step t with h brings to the gradient of h.
  TFRNN_DEVICE void Receive(const Loop& a, const Place& p, std::int32_t t, A product) {
    dstate[0] += product * OperandFactor(a, t, p.b, p.u);
  }

  TFRNN_DEVICE void Step(const Loop& a, const Place& p, std::int32_t t) {
    doutput += prim::ToFloat(doutput_now);
    if constexpr (kHasOptions<Cell> && kStates > 1) {
      if (active || !a.zero_output_for_mask) dstate[1] += prim::ToFloat(dstate_now);
    }
    if (active) {
      A dnext[kStates] = {}, kept[kStates] = {}, stepped[kStates], dprevious[kStates];
      A gates[Cell::kSaved], states[kStates];
      ToFloats(saved, gates);
      ToFloats(previous, states);
      TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
        const A share = Kept(a, s, t, p.b, p.u);
        const A d = s == 0 ? dstate[0] + doutput : dstate[s];
        kept[s] = Mix(share, d, A(0));
        dnext[s] = Mix(share, A(0), d);
        stepped[s] = next[s];
        if (s > 0 && a.stepped[s] != nullptr) {
          stepped[s] = prim::ToFloat(a.stepped[s][RowOf(a.input, t, p.b) * a.units + p.u]);
        }
      }
      auto fn = FunctionsOf<Cell>(a, p.u);
      Cell::Backward(fn, gates, states, stepped, dnext, dsums, dprevious);
      TFRNN_UNROLL for (int s = 0; s < kStates; ++s) dstate[s] = dprevious[s] + kept[s];
      if constexpr (kVectors > 0) {
        TFRNN_UNROLL for (int k = 0; k < kVectors; ++k) dvector[k] = fn.dvector[k];
      }
    } else {
      TFRNN_UNROLL for (int s = 0; s < Cell::kSums; ++s) dsums[s] = 0;
    }
    if (active || a.zero_output_for_mask) doutput = 0;
    TFRNN_UNROLL for (int s = 1; s < kStates; ++s) next[s] = prim::ToFloat(previous[s]);
  }

  // All of a step that the mask does not let through. Leaves no load under way, as Prefetch does.
  TFRNN_DEVICE void StepMasked(const Loop& a, const Place& p, std::int32_t t) {
    active = false;
    PrefetchMasked(a, p, t);
    Step(a, p, t);
    Store(a, p, t);
    TFRNN_UNROLL for (int i = 0; i < kCarried; ++i) Carried(i) = prim::Arrived(Carried(i));
  }

  // Two phases: given the gradient of what phase 1 multiplied.
  TFRNN_DEVICE void StepSecond(const Loop& a, const Place& p, std::int32_t t, A doperand) {
    if (!active) return;
    auto fn = FunctionsOf<Cell>(a, p.u);
    A gates[Cell::kSaved], states[kStates];
    ToFloats(saved, gates);
    ToFloats(previous, states);
    Cell::PrepareBackward(fn, gates, states, doperand * OperandFactor(a, t, p.b, p.u), dsums,
                          dstate);
  }

  // The gradient of gate `part`'s recurrent sum.
  TFRNN_DEVICE A Operand(const Loop&, const Place&, std::int32_t, int part) const {
    return dsums[Cell::RecurrentSum(part)];
  }

  TFRNN_DEVICE A& VectorGradient(const Loop& a, const Place& p, int k) const {
    return a.dvectors[(std::int64_t{p.b} * kVectors + k) * a.units + p.u];
  }

  TFRNN_DEVICE void Store(const Loop& a, const Place& p, std::int32_t t) const {
    TFRNN_UNROLL for (int k = 0; k < kVectors; ++k) {
      if (active && a.dvectors != nullptr) VectorGradient(a, p, k) += dvector[k];
    }
    T* const gates = a.gates + RowOf(a.input, t, p.b) * a.gates_width + p.u;
    TFRNN_UNROLL for (int s = 0; s < Cell::kSums; ++s) {
      gates[std::int64_t{s} * a.units] = prim::FromFloat<T>(dsums[s]);
    }
    // What the weights were multiplied with, for their gradient; h of a masked step gives none.
    const bool drops = a.recurrent_dropout != nullptr || a.noise.dropout_below != 0;
    const A kept = drops ? OperandFactor(a, t, p.b, p.u) : A(1);
    if (drops && active) {
      PreviousAt(a, p, t, 0) = prim::FromFloat<T>(prim::ToFloat(previous[0]) * kept);
    }
    if constexpr (Cell::kPhases == 2) {
      if (drops || !active) {
        gates[std::int64_t{Cell::kOperand} * a.units] =
            prim::FromFloat<T>(active ? prim::ToFloat(saved[Cell::kOperand]) * kept : A(0));
      }
    }
  }

  TFRNN_DEVICE void End(const Loop& a, const Place& p) {
    const std::int64_t at = std::int64_t{p.b} * a.units + p.u;
    TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
      a.dinitial[s][at] = prim::FromFloat<T>(dstate[s]);
    }
    if (a.carry_out != nullptr) SaveCarry(a, p, this);
  }
};

}  // namespace tfrnn::cuda
