// A layer's forward and backward pass: the products over all steps around the recurrence, and who
// owns which part of the reserve space and the workspace.
#pragma once

#include <algorithm>

#include "cuda/around.h"
#include "cuda/general/layer.cuh"
#include "cuda/launch.h"
#include "cuda/phases.h"
#include "cuda/plain.cuh"
#include "cuda/products.h"
#include "cuda/reserve.h"

namespace tfrnn::cuda {

// Whether a call takes the general kernels; a cell without recurrent products has no others.
template <typename Cell>
bool IsGeneral(const RnnOptions& options) {
  return !Cell::kRecurrent || options.general;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::ReserveBytes(const RnnShape& s, const RnnOptions& o) {
  using Cell = CellT<ComputeType<T>>;
  return IsGeneral<Cell>(o) ? GeneralReserve<Cell, T>(s, o, nullptr).bytes
                            : Reserve<Cell, T>(s, o, nullptr).bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::ForwardWorkspace(const ForwardArgs<T>* directions, int count,
                                              const Plan& plan) {
  using Cell = CellT<ComputeType<T>>;
  const ForwardArgs<T>& a = directions[0];
  if constexpr (Cell::kRecurrent) {
    if (!a.options.general) {
      return PlainForwardSpace<CellT, T>(directions, count, {}, nullptr).bytes +
             LoopWorkspace<ForwardPass, CellT, T>({a.shape.batch, a.shape.units, count}, plan);
    }
  }
  std::size_t bytes = 0;
  for (int d = 0; d < count; ++d) {
    bytes = std::max(bytes, GeneralForwardSpace<Cell, T>(directions[d], {}, nullptr).bytes);
  }
  return bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::CarryBytes(const RnnShape& s, const RnnOptions& o) {
  using Cell = CellT<ComputeType<T>>;
  if constexpr (Cell::kRecurrent) {
    if (!o.general) return CarryOf<ForwardPass, CellT, T>(s) * sizeof(ComputeType<T>);
  }
  ForwardArgs<T> args;
  args.shape = s, args.options = o;
  return GeneralForwardSpace<Cell, T>(args, {}, nullptr).carried_bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::BackwardWorkspace(const BackwardArgs<T>* directions, int count,
                                               const Plan& plan) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = directions[0].shape;
  if constexpr (Cell::kRecurrent) {
    if (!directions[0].options.general) {
      return PlainBackwardSpace<CellT, T>(directions, count, {}, nullptr).bytes +
             LoopWorkspace<BackwardPass, CellT, T>({s.batch, s.units, count}, plan);
    }
  }
  return GeneralBackwardSpace<Cell, T>(directions[0], {}, nullptr).bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::InputGradientWorkspace(const InputGradientArgs<T>& a) {
  return InputGradientSpace<T>(a, nullptr).bytes;
}

template <template <typename> class CellT, typename T>
std::size_t Layer<CellT, T>::WeightGradientWorkspace(const WeightGradientArgs<T>& a) {
  return WeightGradientSpace<CellT<ComputeType<T>>, T>(a, nullptr).bytes;
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::Forward(const ForwardArgs<T>* directions, int count,
                               const CallOptions& options, const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = directions[0].shape;
  const Error error = TooLarge(s);
  if (!error.empty() || s.batch == 0 || s.units == 0) return error;
  if constexpr (Cell::kRecurrent) {
    const ForwardArgs<T>& a = directions[0];
    if (!a.options.general) {
      return AsksForOptions(a.options, a.vectors, a.state_outputs[1])
                 ? PlainForward<WithOptions<CellT>::template Cell, T>(directions, count, options,
                                                                      plan, stream)
                 : PlainForward<CellT, T>(directions, count, options, plan, stream);
    }
  }
  return GeneralForward<CellT, T>(directions, count, options, plan, stream);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::Backward(const BackwardArgs<T>* directions, int count,
                                const CallOptions& options, const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = directions[0].shape;
  const Error error = TooLarge(s);
  if (!error.empty() || s.units == 0) return error;
  if constexpr (Cell::kRecurrent) {
    const BackwardArgs<T>& a = directions[0];
    if (!a.options.general) {
      return AsksForOptions(a.options, a.vectors, a.dstate_outputs[1])
                 ? PlainBackward<WithOptions<CellT>::template Cell, T>(directions, count, options,
                                                                       plan, stream)
                 : PlainBackward<CellT, T>(directions, count, options, plan, stream);
    }
  }
  return GeneralBackward<CellT, T>(directions, count, options, plan, stream);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::InputGradient(const InputGradientArgs<T>& a, const CallOptions& options,
                                     Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = a.shape;
  const T* const gates = static_cast<const T*>(a.dgates);  // they come first in both reserves
  const InputGradientSpace<T> space(a, a.workspace);
  const int most = a.input_dropout == nullptr ? Cell::kGates : 1;
  for (GateRun run{}; run.gate + run.count < Cell::kGates;) {
    const bool first = run.count == 0;
    run = NextRun<Cell>(run.gate + run.count, false, most);
    Gemm g = GemmOf<T>(s.time * s.batch, s.input, run.count * s.units, options);
    g.a = {gates + run.sum * s.units, Cell::kSaved * s.units, false};
    g.b = {a.kernel + run.gate * s.units, Cell::kGates * s.units, true};
    g.c = a.dx, g.c_stride = s.input, g.accumulate = !first;
    if (a.input_dropout != nullptr) {
      g.c = space.product, g.output = ElementOf<ComputeType<T>>(), g.accumulate = false;
    }
    Error error = RunGemm<T>(g, options.blas, stream);
    if (error.empty() && a.input_dropout != nullptr) {
      const bool last = run.gate + 1 == Cell::kGates;
      error = RunAddDropped(FactorsOf(s, s.input, a.input_dropout, run.gate), space.product, first,
                            space.sums, last ? a.dx : nullptr, stream);
    }
    if (!error.empty()) return error;
  }
  return "";
}

// Out: T, or what a segment sums up in.
template <template <typename> class CellT, typename T, typename Out>
Error RunWeightGradient(const WeightGradientArgs<T>& a, const WeightResults<Out>& results,
                        const WeightGradientSpace<CellT<ComputeType<T>>, T>& space,
                        const CallOptions& options, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  const RnnShape& s = a.shape;
  const std::int64_t rows = s.time * s.batch, width = Cell::kSaved * s.units;
  const auto gemm_of = [&](std::int64_t m, std::int64_t n) {
    Gemm g = GemmOf<T>(m, n, rows, options);
    g.output = ElementOf<Out>(), g.accumulate = a.continues;
    return g;
  };
  for (const bool recurrent : {false, true}) {
    if (recurrent && !Cell::kRecurrent) continue;
    const T* const factors = recurrent ? space.recurrent_factors : a.input_dropout;
    const T* const sums = recurrent ? space.recurrents : space.gates;
    const std::int64_t depth = recurrent ? s.Hidden() : s.input;
    const bool shared = recurrent && a.options.shared_dropout;
    const int most = factors == nullptr || shared ? Cell::kGates : 1;
    for (GateRun run{}; run.gate + run.count < Cell::kGates;) {
      run = NextRun<Cell>(run.gate + run.count, recurrent, most);
      Gemm g = gemm_of(depth, run.count * s.units);
      g.b = {sums + run.sum * s.units, width, false};
      g.c = (recurrent ? results.drecurrent_kernel : results.dkernel) + run.gate * s.units;
      g.c_stride = Cell::kGates * s.units;
      const T* multiplied = recurrent ? space.previous_h : a.x;
      std::int64_t stride = depth;
      if constexpr (Cell::kPhases == 2) {
        if (recurrent && run.phase == 1) {
          multiplied = sums + Cell::kOperand * s.units, stride = width;
        }
      }
      Error error;
      if (factors != nullptr) {
        error = RunDrop(FactorsOf(s, depth, factors, shared ? 0 : run.gate), multiplied, stride,
                        space.dropped, stream);
        multiplied = space.dropped, stride = depth;
      }
      g.a = {multiplied, stride, true};
      if (error.empty()) {
        error = !recurrent && a.indices != nullptr
                    ? RunIndexedGradient<T, Out>(a, space.lists, g, stream)
                    : RunGemm<T>(g, options.blas, stream);
      }
      if (error.empty() && results.dbias != nullptr && (!recurrent || Cell::kBiases == 2)) {
        error = RunColumnSums(sums + run.sum * s.units, rows, g.n, width, space.column_sums,
                              results.dbias + ((recurrent ? Cell::kGates : 0) + run.gate) * s.units,
                              stream, a.continues);
      }
      if (!error.empty()) return error;
    }
  }
  if (s.projection == 0) return "";
  Gemm g = gemm_of(s.units, s.projection);
  g.a = {space.hidden, s.units, true}, g.b = {space.projected, s.projection, false};
  g.c = results.dprojection, g.c_stride = s.projection;
  return RunGemm<T>(g, options.blas, stream);
}

template <template <typename> class CellT, typename T>
Error Layer<CellT, T>::WeightGradient(const WeightGradientArgs<T>& a, const CallOptions& options,
                                      Stream stream) {
  using A = ComputeType<T>;
  const WeightGradientSpace<CellT<A>, T> space(a, a.workspace);
  const WeightResults<T> results = {a.dkernel, a.drecurrent_kernel, a.dbias, a.dprojection};
  if constexpr (!std::is_same_v<T, A>) {
    if (a.shape.total > 0) {
      Error error = RunWeightGradient<CellT>(a, space.sums, space, options, stream);
      if (!error.empty() || a.shape.first > 0) return error;
      const auto to = results.All();
      const auto from = space.sums.All();
      for (std::size_t i = 0; i < to.size() && error.empty(); ++i) {
        if (to[i] != nullptr) error = RunRound(from[i], space.sizes[i], to[i], stream);
      }
      return error;
    }
  }
  return RunWeightGradient<CellT>(a, results, space, options, stream);
}

}  // namespace tfrnn::cuda
