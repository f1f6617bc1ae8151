// The BLAS of whoever has loaded cuBLAS into the process, found at run time: nothing is linked.
#pragma once

#include "cuda/blas.h"

namespace tfrnn::cuda {

// Of the current device. Products run on it until the process ends.
Error FindCublas(Blas* blas);

}  // namespace tfrnn::cuda
