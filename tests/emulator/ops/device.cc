// What the ops ask of a GPU, answered for the emulated one. The variable EMULATED_GPU names another
// device than an H200; it is "none" if there is to be none.
#include <cstdlib>
#include <string>

#include "csrc/ops/gpu/stream.h"
#include "cuda/cublas.h"
#include "cuda/query_device.h"
#include "tests/emulator/plain_gemm.h"

namespace tfrnn {

absl::Status StreamOf(tensorflow::OpKernelContext*, cuda::Stream* stream) {
  *stream = nullptr;
  return absl::OkStatus();
}

namespace cuda {

Error CurrentGpu(const Device** device) {
  const char* const name = std::getenv("EMULATED_GPU");
  *device = FindDevice(name == nullptr ? "H200" : name);
  return *device != nullptr ? "" : "asking for the GPU's properties: no CUDA-capable device";
}

// Plain loops on the CPU, which can reach the emulated memory.
Error FindCublas(Blas* blas) {
  blas->gemm = RunPlainGemm;
  return "";
}

}  // namespace cuda
}  // namespace tfrnn
