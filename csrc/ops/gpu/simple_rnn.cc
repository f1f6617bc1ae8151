// The GPU kernels of TfrnnSimpleRnn and its gradient.
#include "csrc/ops/gpu/register.h"

namespace tfrnn {

TFRNN_REGISTER_GPU_CELL("TfrnnSimpleRnn", SelectSimpleRnn);

}  // namespace tfrnn
