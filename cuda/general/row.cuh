// What the two passes over a batch row share: a block takes a row, its threads every so many units.
// A thread always has the same units, so that between its loops over them no barrier is needed but
// those of the sums.
#pragma once

#include "cuda/forward_unit.cuh"
#include "cuda/general/loop.h"
#include "cuda/phases.h"

namespace tfrnn::cuda {

constexpr int kRowThreads = 256;
constexpr int kMaxRowSums = 4;  // at once

// values[i] := their sum over the threads of the block, added up in the same order every time.
template <int kCount, typename A>
TFRNN_DEVICE void BlockSums(A (&values)[kCount]) {
  static_assert(kCount <= kMaxRowSums);
  A* const all = reinterpret_cast<A*>(prim::SharedMemory());
  const int thread = prim::Thread(), threads = prim::Threads();
  prim::SyncBlock();  // the last sums have been read
  TFRNN_UNROLL for (int i = 0; i < kCount; ++i) all[i * threads + thread] = values[i];
  prim::SyncBlock();
  if (thread < 32) {
    TFRNN_UNROLL for (int i = 0; i < kCount; ++i) {
      A sum = 0;
      for (int at = thread; at < threads; at += 32) sum += all[i * threads + at];
      all[i * threads + thread] = sum;
    }
  }
  prim::SyncBlock();
  TFRNN_UNROLL for (int i = 0; i < kCount; ++i) {
    values[i] = 0;
    for (int at = 0; at < 32; ++at) values[i] += all[i * threads + at];
  }
}

template <template <typename> class CellT, typename T, typename LoopT>
struct GeneralRow {
  using A = ComputeType<T>;
  using Cell = CellT<A>;
  using Loop = LoopT;
  static constexpr int kGates = Cell::kGates, kSums = Cell::kSums, kSaved = Cell::kSaved;
  static constexpr int kScales = 1 + Cell::kPhases;

  const Loop& a;
  std::int32_t t, b;
  std::int64_t row, output_row;  // of step t
  bool active;

  TFRNN_DEVICE GeneralRow(const Loop& loop, std::int32_t step, std::int32_t batch_row)
      : a(loop), t(step), b(batch_row), row(0), output_row(0), active(false) {
    if (t < 0 || t >= a.time) return;
    row = RowOf(a.input, t, b), output_row = RowOf(a.output, t, b);
    active = a.mask == nullptr || a.mask[row];
  }

  TFRNN_DEVICE bool Projects() const { return a.projection != nullptr; }
  TFRNN_DEVICE bool NormsState() const { return Cell::kEmits && a.options.layer_norm; }
  TFRNN_DEVICE T* GatesOf(int u) const { return a.gates + row * a.gates_width + u; }
  TFRNN_DEVICE T* RecurrentsOf(int u) const { return a.recurrents + row * kSaved * a.units + u; }
  TFRNN_DEVICE std::int64_t InWidth(int u) const { return std::int64_t{b} * a.width + u; }
  TFRNN_DEVICE std::int64_t InUnits(int u) const { return std::int64_t{b} * a.units + u; }

  // Which of a unit's gains, and where behind it its offset stands.
  TFRNN_DEVICE std::int64_t NormAt(bool recurrent, int gate, int u) const {
    return std::int64_t{(recurrent ? kGates : 0) + gate} * a.units + u;
  }
  TFRNN_DEVICE std::int64_t StateNormAt(int u) const {
    return std::int64_t{kGates * (Cell::kRecurrent ? 2 : 1)} * a.units + u;
  }
  TFRNN_DEVICE std::int64_t NormWidth() const { return LayerNormWidth<Cell>(a.units); }
  TFRNN_DEVICE A Gain(std::int64_t at) const { return prim::ToFloat(a.layer_norm[at]); }
  TFRNN_DEVICE A Offset(std::int64_t at) const {
    return prim::ToFloat(a.layer_norm[NormWidth() + at]);
  }

  // Calls body(gate) for the gates of a phase, or once for all if they multiply the same.
  template <typename Body>
  TFRNN_DEVICE void ForOperands(int phase, const Body& body) const {
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      if (a.drops_per_gate ? Cell::Phase(g) == phase : g == 0) body(g);
    }
  }
  // What h is multiplied with before the product with a gate's weights: at every step, at step t.
  TFRNN_DEVICE A GateFactor(int gate, int u) const {
    if (a.recurrent_dropout == nullptr) return 1;
    const std::int64_t of_gate = std::int64_t{a.drops_per_gate ? gate : 0} * a.batch + b;
    return prim::ToFloat(a.recurrent_dropout[of_gate * a.width + u]);
  }
  TFRNN_DEVICE A StepFactor(std::int32_t step, int u) const {
    return DropoutFactor<A>(a.noise, step, b, u, a.batch, a.width);
  }
  // What h is multiplied with before a step that the mask lets through, wherever it uses it.
  TFRNN_DEVICE A StateFactor(std::int32_t step, int u) const {
    if (a.state_dropout == nullptr) return 1;
    return prim::ToFloat(a.state_dropout[(std::int64_t{step} * a.batch + b) * a.width + u]);
  }
  // The share of its old value that a state keeps at step t.
  TFRNN_DEVICE A KeptOf(int state, int u) const {
    return KeptShare<A>(a.noise, state, t, b, u, a.batch, state == 0 ? a.width : a.units);
  }

  TFRNN_DEVICE Switched<A> FunctionsOf(int u) const {
    Switched<A> fn;
    fn.activation = a.options.activation;
    fn.recurrent_activation = a.options.recurrent_activation;
    fn.clips = a.options.cell_clip > 0;
    fn.clip = static_cast<A>(a.options.cell_clip);
    if (a.vectors != nullptr) {
      TFRNN_UNROLL for (int k = 0; k < Cell::kVectors; ++k) {
        fn.vector[k] = prim::ToFloat(a.vectors[std::int64_t{k} * a.units + u]);
      }
    }
    return fn;
  }

  // The bias of a unit's sums.
  TFRNN_DEVICE void AddBias(int u, A (&sums)[kSums]) const {
    if (a.bias == nullptr) return;
    TFRNN_UNROLL for (int g = 0; g < kGates; ++g) {
      const T* const bias = a.bias + std::int64_t{g} * a.units + u;
      sums[Cell::InputSum(g)] += prim::ToFloat(*bias);
      if (Cell::kBiases == 2) {
        sums[Cell::RecurrentSum(g)] += prim::ToFloat(bias[std::int64_t{kGates} * a.units]);
      }
    }
  }
  // A normalised value on its way to the sums.
  TFRNN_DEVICE void AddShare(bool recurrent, int gate, int u, A hat, A (&sums)[kSums]) const {
    const std::int64_t at = NormAt(recurrent, gate, u);
    sums[recurrent ? Cell::RecurrentSum(gate) : Cell::InputSum(gate)] +=
        hat * Gain(at) + Offset(at);
  }
};

#define TFRNN_OWN_UNITS(u, count) for (int u = prim::Thread(); u < (count); u += prim::Threads())

// Mean and 1 / deviation of what was summed up, given the sum of squared differences.
template <typename A>
struct Moments {
  A mean = 0, scale = 0;

  TFRNN_DEVICE A Hat(A x) const { return (x - mean) * scale; }
  TFRNN_DEVICE void SetScale(A squares, A count, double epsilon) {
    scale = 1 / std::sqrt(squares / count + static_cast<A>(epsilon));
  }
};

}  // namespace tfrnn::cuda
