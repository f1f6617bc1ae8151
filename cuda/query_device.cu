#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <utility>

#include "cuda/query_device.h"

namespace tfrnn::cuda {
namespace {

// Stands for the persistent kernels when the driver is asked how many clusters fit.
__global__ void Probe() {}

// How many clusters of `blocks` are resident at once if a block takes all the shared memory.
int ResidentClustersOf(int blocks, const Device& device) {
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {static_cast<unsigned>(blocks), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = static_cast<unsigned>(blocks * device.multiprocessors);
  config.blockDim = 256;
  config.dynamicSmemBytes = static_cast<std::size_t>(device.shared_per_block);
  config.attrs = &attribute;
  config.numAttrs = 1;
  int clusters = 0;
  if (cudaOccupancyMaxActiveClusters(&clusters, Probe, &config) != cudaSuccess) {
    cudaGetLastError();  // a size that the device does not have is no error of ours
    return 0;
  }
  return clusters;
}

cudaError_t Query(int ordinal, Device* device) {
  int major = 0, minor = 0, cooperative = 0, clusters = 0, l2 = 0;
  const auto get = [ordinal](int* value, cudaDeviceAttr attribute) {
    return cudaDeviceGetAttribute(value, attribute, ordinal);
  };
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, ordinal);
  for (const auto& [value, attribute] :
       {std::pair(&major, cudaDevAttrComputeCapabilityMajor),
        std::pair(&minor, cudaDevAttrComputeCapabilityMinor),
        std::pair(&device->multiprocessors, cudaDevAttrMultiProcessorCount),
        std::pair(&device->shared_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin),
        std::pair(&device->registers, cudaDevAttrMaxRegistersPerMultiprocessor),
        std::pair(&cooperative, cudaDevAttrCooperativeLaunch),
        std::pair(&clusters, cudaDevAttrClusterLaunch), std::pair(&l2, cudaDevAttrL2CacheSize)}) {
    if (error == cudaSuccess) error = get(value, attribute);
  }
  if (error != cudaSuccess) return error;
  device->name = properties.name;
  device->arch = 10 * major + minor;
  device->cooperative = cooperative != 0;
  device->l2_bytes = l2;
  if (clusters == 0) return cudaSuccess;

  error = cudaFuncSetAttribute(Probe, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               device->shared_per_block);
  if (error == cudaSuccess) {
    error = cudaFuncSetAttribute(Probe, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  }
  if (error != cudaSuccess) return error;
  for (int blocks = 2; blocks <= kMaxCluster; ++blocks) {
    device->resident_clusters[blocks] = ResidentClustersOf(blocks, *device);
  }
  return cudaSuccess;
}

}  // namespace

Error CurrentGpu(const Device** device) {
  static std::mutex mutex;
  static std::map<int, Device> devices;
  const std::lock_guard<std::mutex> lock(mutex);
  int ordinal = 0;
  cudaError_t error = cudaGetDevice(&ordinal);
  if (error == cudaSuccess && devices.count(ordinal) == 0) {
    Device found;
    error = Query(ordinal, &found);
    if (error == cudaSuccess) devices[ordinal] = found;
  }
  if (error != cudaSuccess) {
    cudaGetLastError();  // so that nobody else is told of it
    return std::string("asking for the GPU's properties: ") + cudaGetErrorString(error);
  }
  *device = &devices[ordinal];
  return "";
}

}  // namespace tfrnn::cuda
