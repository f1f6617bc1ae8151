// The Python module _emulated: _core.CudaLayer over the kernels on the emulator, which claims to be
// an H200. Addresses are those of ordinary memory; streams mean nothing.
#include "csrc/python/cuda_layer.h"
#include "cuda/cublas.h"
#include "cuda/query_device.h"

namespace tfrnn::cuda {

Error CurrentGpu(const Device** device) {
  *device = FindDevice("H200");
  return "";
}

Error FindCublas(Blas*) { return ""; }  // none: our own kernel serves

}  // namespace tfrnn::cuda

PYBIND11_MODULE(_emulated, m) { tfrnn::BindCudaLayer(m); }
