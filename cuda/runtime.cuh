// What launchers are made of: the host's half of prim.cuh. Off the GPU tests/emulator/runtime.h
// provides the same names.
#pragma once

#include <cstddef>

#include "cuda/error.h"

namespace tfrnn::cuda {

struct LaunchConfig {
  unsigned grid_x = 1, grid_y = 1, grid_z = 1;
  unsigned threads = 1;
  unsigned cluster = 1;      // blocks along x
  bool cooperative = false;  // all blocks must be resident at once
  std::size_t shared_bytes = 0;
  Stream stream = nullptr;
};

struct DeviceLimits {
  int arch = 0;  // 90 for compute capability 9.0
  int multiprocessors = 0;
  int shared_bytes = 0;  // of a block
};

}  // namespace tfrnn::cuda

#if !defined(__CUDACC__)
#include "tests/emulator/runtime.h"
#else

#include <cuda_runtime.h>

namespace tfrnn::cuda {

inline Error ErrorOf(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return "";
  cudaGetLastError();  // so that nobody else is told of it
  return Error(what) + ": " + cudaGetErrorString(error);
}

inline Error CurrentDevice(DeviceLimits* limits) {
  int device = 0, major = 0, minor = 0;
  cudaError_t error = cudaGetDevice(&device);
  const auto query = [&](cudaDeviceAttr attribute, int* value) {
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(value, attribute, device);
  };
  query(cudaDevAttrComputeCapabilityMajor, &major);
  query(cudaDevAttrComputeCapabilityMinor, &minor);
  query(cudaDevAttrMultiProcessorCount, &limits->multiprocessors);
  query(cudaDevAttrMaxSharedMemoryPerBlockOptin, &limits->shared_bytes);
  limits->arch = 10 * major + minor;
  return ErrorOf(error, "asking for the GPU's properties");
}

inline Error Zero(void* data, std::size_t bytes, Stream stream) {
  return ErrorOf(cudaMemsetAsync(data, 0, bytes, stream), "cudaMemsetAsync");
}

inline Error CopyOnDevice(void* to, const void* from, std::size_t bytes, Stream stream) {
  return ErrorOf(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream),
                 "cudaMemcpyAsync");
}

inline Error CopyRowsOnDevice(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t bytes, std::size_t count,
                              Stream stream) {
  return ErrorOf(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, count,
                                   cudaMemcpyDeviceToDevice, stream),
                 "cudaMemcpy2DAsync");
}

template <typename... Parameters>
Error Launch(void (*kernel)(Parameters...), const LaunchConfig& config,
             const Parameters&... arguments) {
  const void* const function = reinterpret_cast<const void*>(kernel);
  cudaError_t error = cudaSuccess;
  if (config.shared_bytes > 48 << 10) {
    // To the most that the device has: a smaller bound, set by another thread between this and the
    // launch, would refuse it.
    DeviceLimits device;
    if (Error found = CurrentDevice(&device); !found.empty()) return found;
    error = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 device.shared_bytes);
  }
  if (error == cudaSuccess && config.cluster > 8) {
    error = cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  }
  if (error != cudaSuccess) return ErrorOf(error, "preparing a kernel");
  cudaLaunchConfig_t launch = {};
  launch.gridDim = dim3(config.grid_x, config.grid_y, config.grid_z);
  launch.blockDim = dim3(config.threads);
  launch.dynamicSmemBytes = config.shared_bytes;
  launch.stream = config.stream;
  cudaLaunchAttribute attributes[2];
  if (config.cluster > 1) {
    attributes[launch.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[launch.numAttrs].val.clusterDim.x = config.cluster;
    attributes[launch.numAttrs].val.clusterDim.y = 1;
    attributes[launch.numAttrs++].val.clusterDim.z = 1;
  }
  if (config.cooperative) {
    attributes[launch.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[launch.numAttrs++].val.cooperative = 1;
  }
  launch.attrs = attributes;
  return ErrorOf(cudaLaunchKernelEx(&launch, kernel, arguments...), "launching a kernel");
}

}  // namespace tfrnn::cuda
#endif
