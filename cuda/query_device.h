// The GPU at hand, in the words of device.h. As in launch.h, no header of CUDA's is needed.
#pragma once

#include "cuda/device.h"
#include "cuda/error.h"

namespace tfrnn::cuda {

// The current GPU. The driver is asked, which takes milliseconds, once for each; the answer stays
// where it is.
Error CurrentGpu(const Device** device);

}  // namespace tfrnn::cuda
