// The GPU's op classes over the emulated kernels, as kernels of the CPU with the label "emulated":
// for tests/test_gpu_ops.py.
#include "csrc/ops/gpu/register.h"

#define EMULATED_KERNEL(name) Name(name).Device(tensorflow::DEVICE_CPU).Label("emulated")

namespace tfrnn {

TFRNN_REGISTER_CELL(EMULATED_KERNEL, "TfrnnLstm", SelectLstm, GpuEngine);
TFRNN_REGISTER_CELL(EMULATED_KERNEL, "TfrnnGru", SelectGru, GpuEngine);
TFRNN_REGISTER_CELL(EMULATED_KERNEL, "TfrnnSimpleRnn", SelectSimpleRnn, GpuEngine);
TFRNN_REGISTER_CELL(EMULATED_KERNEL, "TfrnnIndRnn", SelectIndRnn, GpuEngine);

}  // namespace tfrnn
