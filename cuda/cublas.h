// The BLAS of whoever has loaded cuBLAS into the process, found at run time: nothing is linked.
#pragma once

#include "cuda/blas.h"

namespace tfrnn::cuda {

// What a product may need; a caller who has no memory to spare may give none.
constexpr std::size_t kCublasWorkspaceBytes = std::size_t{32} << 20;

// Of the current device. Products run on it until the process ends.
Error FindCublas(Blas* blas);

}  // namespace tfrnn::cuda
