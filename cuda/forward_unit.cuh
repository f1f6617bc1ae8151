// One unit of one batch row through time, all but the recurrent product: masks, noise, the cell,
// and what is kept for the gradient. Its state never leaves the registers.
//
// A step is Prefetch, which needs nothing of the step before; Step, given the product and whether
// the mask lets it through; and Store, for which nobody waits. Prefetch loads and does nothing
// else: whatever uses a value, be it to convert it, waits for it, and holds up the loads of the
// thread's other units.
#pragma once

#include "cuda/functions.cuh"
#include "cuda/noise.cuh"

namespace tfrnn::cuda {

// Where a unit is.
struct Place {
  std::int32_t b, u;
  bool inside;  // of the batch and the units: else it computes nothing and publishes zeros
};

// Whether the mask lets step t of batch row b through, as loaded: 0 or not.
template <typename T>
TFRNN_DEVICE std::uint8_t MaskAt(const LoopBase<T>& a, std::int32_t t, std::int32_t b) {
  std::uint8_t byte = 1;
  if (a.mask != nullptr && b < a.batch) {
    byte = reinterpret_cast<const std::uint8_t*>(a.mask)[RowOf(a.input, t, b)];
  }
  return byte;
}

// Values as loaded, as what a cell computes with.
template <typename T, int kCount>
TFRNN_DEVICE void ToFloats(const T (&from)[kCount], ComputeType<T> (&to)[kCount]) {
  TFRNN_UNROLL for (int i = 0; i < kCount; ++i) to[i] = prim::ToFloat(from[i]);
}

// What lasts from step to step, between one segment of a sequence and the next.
template <typename Loop, typename Unit>
TFRNN_DEVICE void LoadCarry(const Loop& a, const Place& p, Unit* unit) {
  const std::int64_t count = std::int64_t{a.batch} * a.units;
  TFRNN_UNROLL for (int i = 0; i < Unit::kCarried; ++i) {
    unit->Carried(i) = prim::Arrived(a.carry_in[i * count + std::int64_t{p.b} * a.units + p.u]);
  }
}
template <typename Loop, typename Unit>
TFRNN_DEVICE void SaveCarry(const Loop& a, const Place& p, Unit* unit) {
  const std::int64_t count = std::int64_t{a.batch} * a.units;
  TFRNN_UNROLL for (int i = 0; i < Unit::kCarried; ++i) {
    a.carry_out[i * count + std::int64_t{p.b} * a.units + p.u] = unit->Carried(i);
  }
}

template <template <typename> class CellT, typename T>
struct ForwardUnit {
  using A = ComputeType<T>;
  using Cell = CellT<A>;
  using Loop = ForwardLoop<T>;
  static constexpr int kStates = Cell::kStates, kGates = Cell::kGates;

  static constexpr int kCarried = kStates + 1;

  A state[kStates];
  A started;  // 1 after the first step that the mask lets through, else 0
  // Of the step under way.
  T input[kGates];  // as loaded
  A saved[Cell::kSaved];
  bool active;  // whether the mask lets it through: see MaskAt

  // What lasts from step to step.
  TFRNN_DEVICE A& Carried(int i) { return i < kStates ? state[i] : started; }

  TFRNN_DEVICE void Begin(const Loop& a, const Place& p) {
    if (a.carry_in != nullptr) {
      LoadCarry(a, p, this);
    } else {
      const std::int64_t at = std::int64_t{p.b} * a.units + p.u;
      TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
        state[s] = prim::Arrived(prim::ToFloat(a.initial[s][at]));
      }
      started = 0;
    }
    KeepPrevious(a, p, 0);
  }

  TFRNN_DEVICE void Prefetch(const Loop& a, const Place& p, std::int32_t t) {
    const T* const gates = a.gates + RowOf(a.input, t, p.b) * a.gates_width + p.u;
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) input[g] = gates[std::int64_t{g} * a.units];
  }

  TFRNN_DEVICE void AddInput(A (&sums)[Cell::kSums]) const {
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      sums[Cell::InputSum(g)] += prim::ToFloat(input[g]);
    }
  }

  // Two phases: given the sums of phase 0, makes what phase 1 multiplies instead of h.
  TFRNN_DEVICE void StepFirst(const Loop& a, const Place& p, const A (&sums)[Cell::kSums]) {
    Cell::Prepare(FunctionsOf<Cell>(a, p.u), sums, state, saved);
  }
  TFRNN_DEVICE A SecondOperand(const Loop& a, const Place& p, std::int32_t t) const {
    return saved[Cell::kOperand] * OperandFactor(a, t, p.b, p.u);
  }

  TFRNN_DEVICE void Step(const Loop& a, const Place& p, std::int32_t t,
                         const A (&sums)[Cell::kSums]) {
    if (!active) return;
    A stepped[kStates];
    Cell::Forward(FunctionsOf<Cell>(a, p.u), sums, state, stepped, saved);
    TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
      if (s > 0 && a.stepped[s] != nullptr) {
        a.stepped[s][RowOf(a.input, t, p.b) * a.units + p.u] = prim::FromFloat<T>(stepped[s]);
      }
      state[s] = Mix(Kept(a, s, t, p.b, p.u), state[s], stepped[s]);
    }
    started = 1;
  }

  // h as operand of step t's product.
  TFRNN_DEVICE A Operand(const Loop& a, const Place& p, std::int32_t t, int) const {
    return state[0] * OperandFactor(a, t, p.b, p.u);
  }

  // The states before step t, for the gradient.
  TFRNN_DEVICE void KeepPrevious(const Loop& a, const Place& p, std::int32_t t) const {
    if (a.previous[0] == nullptr || t >= a.time) return;
    TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
      a.previous[s][RowOf(a.input, t, p.b) * a.units + p.u] = prim::FromFloat<T>(state[s]);
    }
  }

  TFRNN_DEVICE void Store(const Loop& a, const Place& p, std::int32_t t) const {
    KeepPrevious(a, p, t + 1);
    // A masked step repeats the last output, which is h; there may be none yet.
    const A output = active || (started != 0 && !a.zero_output_for_mask) ? state[0] : A(0);
    a.outputs[RowOf(a.output, t, p.b) * a.output_width + p.u] = prim::FromFloat<T>(output);
    if constexpr (kHasOptions<Cell> && kStates > 1) {
      if (a.state_outputs != nullptr) {
        const A all = active || !a.zero_output_for_mask ? state[1] : A(0);
        a.state_outputs[RowOf(a.output, t, p.b) * a.units + p.u] = prim::FromFloat<T>(all);
      }
    }
    if (a.previous[0] == nullptr || !active) return;
    T* const gates = a.gates + RowOf(a.input, t, p.b) * a.gates_width + p.u;
    TFRNN_UNROLL for (int i = 0; i < Cell::kSaved; ++i) {
      gates[std::int64_t{i} * a.units] = prim::FromFloat<T>(saved[i]);
    }
  }

  TFRNN_DEVICE void End(const Loop& a, const Place& p) {
    const std::int64_t at = std::int64_t{p.b} * a.units + p.u;
    TFRNN_UNROLL for (int s = 0; s < kStates; ++s) {
      a.final[s][at] = prim::FromFloat<T>(state[s]);
      if (s > 0 && a.last[s] != nullptr) a.last[s][at] = prim::FromFloat<T>(state[s]);
    }
    if (a.carry_out != nullptr) SaveCarry(a, p, this);
  }
};

}  // namespace tfrnn::cuda
