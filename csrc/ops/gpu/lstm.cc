// The GPU kernels of TfrnnLstm and its gradient.
#include "csrc/ops/gpu/register.h"

namespace tfrnn {

TFRNN_REGISTER_GPU_CELL("TfrnnLstm", SelectLstm);

}  // namespace tfrnn
