// The CUDA half of tfrnn_ops._core: whether a GPU can be used, which, and the kernels.
#include "csrc/python/cuda_module.h"

#include <cuda_runtime_api.h>

#include <string>

#include "csrc/python/cuda_layer.h"
#include "csrc/python/cuda_reserve.h"
#include "cuda/query_device.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

void Check(const std::string& error) {
  if (!error.empty()) throw std::runtime_error(error);
}
void Check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) Check(std::string(what) + ": " + cudaGetErrorString(error));
}

// What stands between this process and a GPU, or "" if nothing does.
std::string Obstacle() {
  int driver = 0, runtime = 0, devices = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no CUDA driver";
  Check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  if (driver / 1000 < runtime / 1000) {
    return "the driver supports CUDA " + std::to_string(driver / 1000) + ", the kernels need " +
           std::to_string(runtime / 1000) + " (driver 580 or newer)";
  }
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  return devices == 0 ? "no CUDA device" : "";
}

}  // namespace

void BindCuda(py::module_& m) {
  m.def("cuda_obstacle", &Obstacle, "Why CUDA kernels cannot run here, or '' if they can.");
  m.def(
      "cuda_device",
      [] {
        const cuda::Device* device = nullptr;
        Check(cuda::CurrentGpu(&device));
        return *device;
      },
      "The current GPU, as gpu_plan() takes it.");
  BindCudaLayer(m);
  BindCudaReserve(m);
}

}  // namespace tfrnn
