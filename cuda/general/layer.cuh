// The two passes of a layer with any option; cuda/layer.cuh has the rest.
#pragma once

#include "cuda/around.h"
#include "cuda/general/reserve.h"
#include "cuda/general/stepwise.cuh"

namespace tfrnn::cuda {

// Why a plan is not for the general kernels, or "".
inline Error NotStepwise(const Plan& plan) {
  if (plan.policy == Policy::kStepwise) return "";
  return "plan: the options of the call have kernels for the stepwise policy only";
}

template <template <typename> class CellT, typename T>
Error GeneralForward(const ForwardArgs<T>* directions, int count, const CallOptions& options,
                     const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  Error error = NotStepwise(plan);
  for (int d = 0; d < count && error.empty(); ++d) {
    const ForwardArgs<T>& a = directions[d];
    const GeneralForwardSpace<Cell, T> space(a, options, directions[0].workspace);
    error =
        RunInput<Cell>(a, options, space.loop.gates, space.loop.gates_width, space.dropped, stream);
    if (error.empty() && a.carry_in != nullptr) {
      error = CopyOnDevice(space.carried, a.carry_in, space.carried_bytes, stream);
    }
    if (error.empty()) {
      error = GeneralForwardSteps<CellT, T>(space.loop, options.blas, stream).Run();
    }
    if (error.empty() && a.carry_out != nullptr) {
      error = CopyOnDevice(a.carry_out, space.carried, space.carried_bytes, stream);
    }
  }
  return error;
}

template <template <typename> class CellT, typename T>
Error GeneralBackward(const BackwardArgs<T>* directions, int count, const CallOptions& options,
                      const Plan& plan, Stream stream) {
  using Cell = CellT<ComputeType<T>>;
  Error error = NotStepwise(plan);
  for (int d = 0; d < count && error.empty(); ++d) {
    const BackwardArgs<T>& a = directions[d];
    const GeneralBackwardSpace<Cell, T> space(a, options, directions[0].workspace);
    const GeneralBackwardLoop<T>& loop = space.loop;
    if (a.shape.batch > 0) {
      error = GeneralBackwardSteps<CellT, T>(loop, options.blas, stream).Run();
    }
    if (error.empty()) {
      error = RunColumnSums(loop.dvectors, a.shape.batch, space.vectors, space.vectors, space.sums,
                            a.dvectors, stream);
    }
    if (error.empty()) {
      error = RunColumnSums(loop.dlayer_norm, a.shape.batch, space.norm, space.norm, space.sums,
                            a.dlayer_norm, stream);
    }
  }
  return error;
}

}  // namespace tfrnn::cuda
