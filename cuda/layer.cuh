// A layer's forward and backward pass: the products over all steps around the recurrence, and who
// owns which part of the reserve space and the workspace.
#pragma once

#include "cuda/launch.h"
#include "cuda/loop.cuh"
#include "cuda/products.h"
#include "cuda/reserve.h"

namespace tfrnn::cuda {

// Gates whose sums lie side by side, so that one product serves them all.
struct GateRun {
  int gate = 0, sum = 0, count = 0, phase = 0;
};
template <typename Cell>
GateRun NextRun(int gate, bool recurrent) {
  const auto sum = [&](int g) { return recurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g); };
  GateRun run{gate, sum(gate), 1, Cell::Phase(gate)};
  while (gate + run.count < Cell::kGates && sum(gate + run.count) == run.sum + run.count &&
         (!recurrent || Cell::Phase(gate + run.count) == run.phase)) {
    ++run.count;
  }
  return run;
}

template <typename T>
Gemm GemmOf(std::int64_t m, std::int64_t n, std::int64_t k, const CallOptions& options) {
  Gemm gemm;
  gemm.m = m, gemm.n = n, gemm.k = k;
  gemm.input = gemm.output = ElementOf<T>();
  gemm.exact = options.exact;
  return gemm;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::ReserveBytes(const RnnShape& shape, const CallOptions& options) {
  return Reserve<CellT<ComputeType<T>>, T>(shape, options, nullptr).bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::ForwardWorkspace(const RnnShape& s, int directions, const Plan& plan,
                                              bool training) {
  using Cell = CellT<ComputeType<T>>;
  Arena arena(nullptr);
  for (int d = 0; d < directions && !training; ++d) {
    arena.Take<T>(s.time * s.batch * Cell::kGates * s.units);
  }
  return arena.used() + LoopWorkspace<ForwardPass, CellT, T>({s.batch, s.units, directions}, plan);
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::BackwardWorkspace(const RnnShape& s, int directions,
                                               const Plan& plan) {
  return LoopWorkspace<BackwardPass, CellT, T>({s.batch, s.units, directions}, plan);
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::WeightGradientWorkspace(const RnnShape& s) {
  return sizeof(ComputeType<T>) * kSumChunks * CellT<ComputeType<T>>::kGates *
         static_cast<std::size_t>(s.units);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::Forward(const ForwardArgs<T>* directions, int count,
                               const CallOptions& options, const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = directions[0].shape;
  Error error = TooLarge(s);
  if (!error.empty() || s.batch == 0 || s.units == 0) return error;
  Arena arena(directions[0].workspace);
  ForwardLoop<T> loops[kMaxDirections];
  for (int d = 0; d < count; ++d) {
    const ForwardArgs<T>& a = directions[d];
    ForwardLoop<T>& loop = loops[d];
    FillBase(s, a.options, options, &loop);
    loop.recurrent_kernel = a.recurrent_kernel, loop.bias = a.bias, loop.mask = a.mask;
    loop.recurrent_dropout = a.recurrent_dropout, loop.outputs = a.outputs;
    for (int i = 0; i < Cell::kStates; ++i) {
      loop.initial[i] = a.initial[i], loop.final[i] = a.final[i];
    }
    if (a.reserve_space == nullptr) {
      loop.gates_width = Cell::kGates * s.units;
      loop.gates = arena.Take<T>(s.time * s.batch * loop.gates_width);
    } else {
      const Reserve<Cell, T> reserve(s, options, a.reserve_space);
      loop.gates_width = Cell::kSaved * s.units;
      loop.gates = reserve.gates;
      for (int i = 0; i < Cell::kStates; ++i) {
        loop.previous[i] = reserve.previous[i], loop.last[i] = reserve.last[i];
        loop.stepped[i] = reserve.stepped[i];
      }
    }
    Gemm g = GemmOf<T>(s.time * s.batch, Cell::kGates * s.units, a.shape.input, options);
    g.a = {a.x, a.shape.input, false}, g.b = {a.kernel, g.n, false};
    g.c = loop.gates, g.c_stride = loop.gates_width;
    error = RunGemm<T>(g, options.blas, stream);
    if (!error.empty()) return error;
  }
  return RunLoop<ForwardPass, CellT, T>(loops, count, plan, options.blas, arena.rest(), stream);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::Backward(const BackwardArgs<T>* directions, int count,
                                const CallOptions& options, const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = directions[0].shape;
  const Error error = TooLarge(s);
  if (!error.empty() || s.batch == 0 || s.units == 0) return error;
  BackwardLoop<T> loops[kMaxDirections];
  for (int d = 0; d < count; ++d) {
    const BackwardArgs<T>& a = directions[d];
    BackwardLoop<T>& loop = loops[d];
    FillBase(s, a.options, options, &loop);
    loop.recurrent_kernel = a.recurrent_kernel, loop.mask = a.mask;
    loop.recurrent_dropout = a.recurrent_dropout, loop.doutputs = a.doutputs;
    const Reserve<Cell, T> reserve(s, options, a.dgates);
    loop.gates_width = Cell::kSaved * s.units;
    loop.gates = reserve.gates;
    for (int i = 0; i < Cell::kStates; ++i) {
      loop.previous[i] = reserve.previous[i], loop.last[i] = reserve.last[i];
      loop.stepped[i] = reserve.stepped[i];
      loop.dfinal[i] = a.dfinal[i], loop.dinitial[i] = a.dinitial[i];
    }
  }
  return RunLoop<BackwardPass, CellT, T>(loops, count, plan, options.blas, directions[0].workspace,
                                         stream);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::InputGradient(const InputGradientArgs<T>& a, const CallOptions& options,
                                     Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = a.shape;
  const T* const gates = static_cast<const T*>(a.dgates);
  for (GateRun run{}; run.gate + run.count < Cell::kGates;) {
    const bool first = run.count == 0;
    run = NextRun<Cell>(run.gate + run.count, false);
    Gemm g = GemmOf<T>(s.time * s.batch, s.input, run.count * s.units, options);
    g.a = {gates + run.sum * s.units, Cell::kSaved * s.units, false};
    g.b = {a.kernel + run.gate * s.units, Cell::kGates * s.units, true};
    g.c = a.dx, g.c_stride = s.input, g.accumulate = !first;
    const Error error = RunGemm<T>(g, options.blas, stream);
    if (!error.empty()) return error;
  }
  return "";
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::WeightGradient(const WeightGradientArgs<T>& a, const CallOptions& options,
                                      Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = a.shape;
  const std::int64_t rows = s.time * s.batch, width = Cell::kSaved * s.units;
  const Reserve<Cell, T> reserve(s, options, const_cast<void*>(a.dgates));  // reads only
  for (const bool recurrent : {false, true}) {
    for (GateRun run{}; run.gate + run.count < Cell::kGates;) {
      run = NextRun<Cell>(run.gate + run.count, recurrent);
      Gemm g = GemmOf<T>(recurrent ? s.units : s.input, run.count * s.units, rows, options);
      g.b = {reserve.gates + run.sum * s.units, width, false};
      g.c = (recurrent ? a.drecurrent_kernel : a.dkernel) + run.gate * s.units;
      g.c_stride = Cell::kGates * s.units;
      g.a = recurrent ? Gemm::Matrix{reserve.previous[0], s.units, true}
                      : Gemm::Matrix{a.x, s.input, true};
      if constexpr (Cell::kPhases == 2) {
        if (recurrent && run.phase == 1) {
          g.a = {reserve.gates + Cell::kOperand * s.units, width, true};
        }
      }
      Error error = RunGemm<T>(g, options.blas, stream);
      if (error.empty() && a.dbias != nullptr && (!recurrent || Cell::kBiases == 2)) {
        error =
            RunColumnSums(reserve.gates + run.sum * s.units, rows, g.n, width, a.workspace,
                          a.dbias + ((recurrent ? Cell::kGates : 0) + run.gate) * s.units, stream);
      }
      if (!error.empty()) return error;
    }
  }
  return "";
}

}  // namespace tfrnn::cuda
