// The CUDA side's whole surface. Nothing of TensorFlow crosses this line.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "csrc/core/args.h"

namespace tfrnn::cuda {

// Bytes of ForwardArgs::workspace that Forward needs: a second h.
template <typename T>
constexpr std::size_t ForwardWorkspace(const RnnShape& shape) {
  return sizeof(T) * static_cast<std::size_t>(shape.batch * shape.units);
}

// Enqueues one inference call on `stream`, one kernel a step; never synchronises. All pointers
// are device pointers; reserve_space must be null: the gradient has no kernel here. Returns the
// first error. Instantiated in cuda/<cell>.cu.
template <template <typename> class Cell, typename T>
cudaError_t Forward(const ForwardArgs<T>& args, cudaStream_t stream);

}  // namespace tfrnn::cuda
