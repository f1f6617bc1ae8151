// The GPU kernels of TfrnnGru and its gradient.
#include "csrc/ops/gpu/register.h"

namespace tfrnn {

TFRNN_REGISTER_GPU_CELL("TfrnnGru", SelectGru);

}  // namespace tfrnn
