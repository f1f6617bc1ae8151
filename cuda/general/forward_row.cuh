// A step of a batch row with any option: forwards. Around the products of the recurrent weights
// and the projection, which need all rows.
#pragma once

#include "cuda/general/row.cuh"

namespace tfrnn::cuda {

// What a launch does: all that there is between two products.
enum class ForwardStage {
  kBegin,    // before the first step
  kBetween,  // after the first product of a cell with two phases
  kCell,     // after the last product with the recurrent weights
  kFinish,   // after the projection, if there is one
};

template <template <typename> class CellT, typename T>
struct ForwardRow : GeneralRow<CellT, T, GeneralForwardLoop<T>> {
  using Base = GeneralRow<CellT, T, GeneralForwardLoop<T>>;
  using Base::a, Base::t, Base::b, Base::row, Base::output_row, Base::active;
  using Base::Base, Base::kGates, Base::kSums, Base::kSaved, Base::kScales;
  using typename Base::A;
  using typename Base::Cell;

  Moments<A> moments[kScales];  // of x·kernel and of the products of each phase

  TFRNN_DEVICE void Begin() const {
    TFRNN_OWN_UNITS(u, a.width) {
      const std::int64_t at = Base::InWidth(u);
      if (!a.resumes) a.h[at] = prim::ToFloat(a.initial[0][at]);
      if (a.time == 0) a.final[0][at] = a.initial[0][at];
      PutOperands(u, a.h[at], 0);
    }
    TFRNN_OWN_UNITS(u, Cell::kStates > 1 && !a.resumes ? a.units : 0) {
      const std::int64_t at = Base::InUnits(u);
      a.state[at] = prim::ToFloat(a.initial[1][at]);
      if (a.time == 0) a.final[1][at] = a.initial[1][at];
    }
    if (prim::Thread() == 0 && !a.resumes) a.started[b] = 0;
  }

  // What the second phase multiplies.
  TFRNN_DEVICE void Between() {
    if constexpr (Cell::kPhases == 2) {
      if (active && a.options.layer_norm) FindMoments(1);
      TFRNN_OWN_UNITS(u, a.units) {
        A operand = 0;
        if (active) {
          A sums[kSums] = {}, saved[kSaved];
          A prev[1] = {a.h[Base::InWidth(u)] * Base::StateFactor(t, u)};
          Sums(u, 1, false, sums);
          Cell::Prepare(Base::FunctionsOf(u), sums, prev, saved);
          operand = saved[Cell::kOperand];
        }
        PutOperands(u, operand, 1);
      }
    }
  }

  TFRNN_DEVICE void Step() {
    if (active && a.state_dropout != nullptr) {
      TFRNN_OWN_UNITS(u, a.width) a.h[Base::InWidth(u)] *= Base::StateFactor(t, u);
    }
    if (a.previous[0] != nullptr) {
      TFRNN_OWN_UNITS(u, a.width) {
        a.previous[0][row * a.width + u] = prim::FromFloat<T>(a.h[Base::InWidth(u)]);
      }
      TFRNN_OWN_UNITS(u, Cell::kStates > 1 ? a.units : 0) {
        a.previous[1][row * a.units + u] = prim::FromFloat<T>(a.state[Base::InUnits(u)]);
      }
    }
    if (!active) {
      TFRNN_OWN_UNITS(u, a.units) {
        if constexpr (Cell::kStates > 1) PutState(u, a.state[Base::InUnits(u)]);
        PutHidden(u, 0);
      }
      return;
    }
    if (a.options.layer_norm) FindMoments(Cell::kPhases);
    if (a.scales != nullptr && prim::Thread() == 0) {
      TFRNN_UNROLL for (int i = 0; i < kScales; ++i) {
        a.scales[row * kScales + i] = moments[i].scale;
      }
    }
    Moments<A> of_state;
    TFRNN_OWN_UNITS(u, a.units) {
      const A state = Apply(u);
      of_state.mean += state;
    }
    if (Base::NormsState()) EmitNormal(&of_state);
    if (prim::Thread() == 0) a.started[b] = 1;
  }

  TFRNN_DEVICE void Finish() const {
    TFRNN_OWN_UNITS(u, a.width) {
      A h = a.beside[Base::InWidth(u)];
      const A bound = static_cast<A>(a.options.projection_clip);
      const bool clipped = bound > 0 && (h < -bound || h > bound);
      if (bound > 0) h = Clamped(h, -bound, bound);
      if (a.projected != nullptr) {
        a.projected[row * a.width + u] = prim::FromFloat<T>(clipped ? A(0) : A(1));
      }
      PutOutput(u, h);
    }
  }

 private:
  TFRNN_DEVICE A InputAt(int gate, int u) const {
    return prim::ToFloat(Base::GatesOf(u)[std::int64_t{gate} * a.units]);
  }
  TFRNN_DEVICE A ProductAt(int gate, int u) const {
    return a.product[(std::int64_t{b} * kGates + gate) * a.units + u];
  }

  // Of x·kernel and of the products of the first `phases`.
  TFRNN_DEVICE void FindMoments(int phases) {
    A sums[kScales] = {}, squares[kScales] = {}, counts[kScales] = {};
    counts[0] = static_cast<A>(kGates) * a.units;
    TFRNN_UNROLL for (int p = 0; p < Cell::kPhases; ++p) {
      counts[1 + p] = static_cast<A>(GateCount<Cell>(p)) * a.units;
    }
    const auto for_values = [&](auto add) {
      TFRNN_OWN_UNITS(u, a.units) {
        TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
          add(0, InputAt(g, u));
          if (Cell::kRecurrent && Cell::Phase(g) < phases) {
            add(1 + Cell::Phase(g), ProductAt(g, u));
          }
        }
      }
    };
    for_values([&](int set, A value) { sums[set] += value; });
    BlockSums(sums);
    TFRNN_UNROLL for (int i = 0; i < kScales; ++i) moments[i].mean = sums[i] / counts[i];
    for_values([&](int set, A value) {
      const A difference = value - moments[set].mean;
      squares[set] += difference * difference;
    });
    BlockSums(squares);
    TFRNN_UNROLL for (int i = 0; i < kScales; ++i) {
      moments[i].SetScale(squares[i], counts[i], a.options.layer_norm_epsilon);
    }
  }

  // The sums of a unit, as far as the products of the first `phases` go; `keep`: for the gradient.
  TFRNN_DEVICE void Sums(int u, int phases, bool keep, A (&sums)[kSums]) const {
    Base::AddBias(u, sums);
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      const bool multiplied = Cell::kRecurrent && Cell::Phase(g) < phases;
      const A input = InputAt(g, u), product = multiplied ? ProductAt(g, u) : A(0);
      if (!a.options.layer_norm) {
        sums[Cell::InputSum(g)] += input, sums[Cell::RecurrentSum(g)] += product;
        continue;
      }
      const A hat = moments[0].Hat(input);
      Base::AddShare(false, g, u, hat, sums);
      if (keep) {
        Base::GatesOf(u)[std::int64_t{Cell::InputSum(g)} * a.units] = prim::FromFloat<T>(hat);
      }
      if (!multiplied) continue;
      const A recurrent_hat = moments[1 + Cell::Phase(g)].Hat(product);
      Base::AddShare(true, g, u, recurrent_hat, sums);
      if (keep) {
        Base::RecurrentsOf(u)[std::int64_t{Cell::RecurrentSum(g)} * a.units] =
            prim::FromFloat<T>(recurrent_hat);
      }
    }
  }

  // The cell, up to what layer normalisation of its state needs; returns that state.
  TFRNN_DEVICE A Apply(int u) const {
    const bool keep = a.previous[0] != nullptr;
    A sums[kSums] = {}, prev[Cell::kStates], next[Cell::kStates], saved[kSaved];
    Sums(u, Cell::kPhases, keep, sums);
    prev[0] = Base::Projects() ? A(0) : a.h[Base::InWidth(u)];
    if (!Cell::kRecurrent) prev[0] *= Base::GateFactor(0, u) * Base::StepFactor(t, u);
    if constexpr (Cell::kStates > 1) prev[1] = a.state[Base::InUnits(u)];
    const auto fn = Base::FunctionsOf(u);
    if constexpr (Cell::kPhases == 2) Cell::Prepare(fn, sums, prev, saved);
    if constexpr (Cell::kEmits) {
      next[1] = Cell::Carry(fn, sums, prev[1], saved);
      if (a.options.layer_norm) {
        A* const emitted = a.emitted + 2 * std::int64_t{b} * a.units + u;
        emitted[0] = next[1], emitted[a.units] = saved[kSaved - 1];
        return next[1];
      }
      next[0] = Cell::Emit(fn, saved, next[1]);
      PutState(u, next[1]);
    } else {
      Cell::Forward(fn, sums, prev, next, saved);
    }
    if (keep) Keep(u, saved);
    PutHidden(u, next[0]);
    return 0;
  }

  // Without layer normalisation all that the cell saved; with it, only what was multiplied.
  TFRNN_DEVICE void Keep(int u, const A (&saved)[kSaved]) const {
    if (!a.options.layer_norm) {
      TFRNN_UNROLL for (int k = 0; k < kSaved; ++k) {
        Base::GatesOf(u)[std::int64_t{k} * a.units] = prim::FromFloat<T>(saved[k]);
      }
    } else if constexpr (Cell::kPhases == 2) {
      Base::RecurrentsOf(u)[std::int64_t{Cell::kOperand} * a.units] =
          prim::FromFloat<T>(saved[Cell::kOperand]);
    }
  }

  // h of the normalised state; `of_state` comes with the sum of the thread's states as its mean.
  TFRNN_DEVICE void EmitNormal(Moments<A>* of_state) const {
    if constexpr (Cell::kEmits) {
      const A* const emitted = a.emitted + 2 * std::int64_t{b} * a.units;
      A sum[1] = {of_state->mean}, squares[1] = {};
      BlockSums(sum);
      of_state->mean = sum[0] / a.units;
      TFRNN_OWN_UNITS(u, a.units) {
        const A difference = emitted[u] - of_state->mean;
        squares[0] += difference * difference;
      }
      BlockSums(squares);
      of_state->SetScale(squares[0], a.units, a.options.layer_norm_epsilon);
      TFRNN_OWN_UNITS(u, a.units) {
        const std::int64_t at = Base::StateNormAt(u);
        const A normal = of_state->Hat(emitted[u]) * Base::Gain(at) + Base::Offset(at);
        A saved[kSaved] = {};
        saved[kSaved - 1] = emitted[a.units + u];
        PutState(u, a.options.layer_norm_carry ? normal : emitted[u]);
        PutHidden(u, Cell::Emit(Base::FunctionsOf(u), saved, normal));
      }
    }
  }

  // The state after the step, or what it stays.
  TFRNN_DEVICE void PutState(int u, A next) const {
    const std::int64_t at = Base::InUnits(u);
    const A state = active ? Mix(Base::KeptOf(1, u), a.state[at], next) : next;
    a.state[at] = state;
    if (a.state_outputs != nullptr) {
      const bool zero = !active && a.options.zero_output_for_mask;
      a.state_outputs[output_row * a.units + u] = prim::FromFloat<T>(zero ? A(0) : state);
    }
    if (t + 1 == a.time) a.final[1][at] = prim::FromFloat<T>(state);
  }

  // What the cell emits: for the projection, or h.
  TFRNN_DEVICE void PutHidden(int u, A hidden) const {
    if (!Base::Projects()) return PutOutput(u, hidden);
    a.hidden[RowOf(a.hidden_rows, t, b) * a.units + u] = prim::FromFloat<T>(hidden);
  }

  // The new h: after zoneout, rounded to what the output holds.
  TFRNN_DEVICE void PutOutput(int u, A next) const {
    const std::int64_t at = Base::InWidth(u);
    A h = a.h[at];
    if (active) h = prim::ToFloat(prim::FromFloat<T>(Mix(Base::KeptOf(0, u), h, next)));
    // A masked step repeats the last output, which is h; there may be none yet.
    const bool zero = !active && (a.options.zero_output_for_mask || a.started[b] == 0);
    a.h[at] = h;
    a.outputs[output_row * a.output_width + u] = prim::FromFloat<T>(zero ? A(0) : h);
    if (t + 1 == a.time) a.final[0][at] = prim::FromFloat<T>(h);
    PutOperands(u, h, 0);
  }

  // What the products of a phase multiply: of the next step's first, or of this step's second.
  TFRNN_DEVICE void PutOperands(int u, A value, int phase) const {
    if (!Cell::kRecurrent) return;
    const std::int32_t step = phase == 0 ? t + 1 : t;
    if (step >= a.time) return;
    if (phase == 0) value *= Base::StateFactor(step, u);
    const A dropped = value * Base::StepFactor(step, u);
    Base::ForOperands(phase, [&](int g) {
      a.operand[(std::int64_t{g} * a.batch + b) * a.width + u] =
          prim::FromFloat<T>(dropped * Base::GateFactor(g, u));
    });
  }
};

template <template <typename> class CellT, typename T>
TFRNN_KERNEL(kRowThreads)
RowForward(const GeneralForwardLoop<T> a, std::int32_t t, ForwardStage stage) {
  ForwardRow<CellT, T> row(a, t, prim::Block().x);
  switch (stage) {
    case ForwardStage::kBegin:
      return row.Begin();
    case ForwardStage::kBetween:
      return row.Between();
    case ForwardStage::kCell:
      return row.Step();
    case ForwardStage::kFinish:
      return row.Finish();
  }
}

}  // namespace tfrnn::cuda
