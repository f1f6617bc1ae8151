// Memory as the ops need it between kernels.
#pragma once

#include <cstddef>

#include "cuda/error.h"

namespace tfrnn::cuda {

Error Clear(void* data, std::size_t bytes, Stream stream);

// Both lie on the device and do not overlap.
Error Copy(void* to, const void* from, std::size_t bytes, Stream stream);

}  // namespace tfrnn::cuda
