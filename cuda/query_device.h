// The GPU at hand, in the words of cuda/device.h.
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/device.h"

namespace tfrnn::cuda {

// Asks the driver, which takes milliseconds: ask once per device.
cudaError_t QueryDevice(int ordinal, Device* device);

}  // namespace tfrnn::cuda
