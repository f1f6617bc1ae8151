// The GPU kernels of TfrnnIndRnn and its gradient.
#include "csrc/ops/gpu/register.h"

namespace tfrnn {

TFRNN_REGISTER_GPU_CELL("TfrnnIndRnn", SelectIndRnn);

}  // namespace tfrnn
