#include "cuda/device.h"

namespace tfrnn::cuda {
namespace {

constexpr int kRegisters = 65536;  // of a multiprocessor, in every architecture so far
constexpr std::int64_t kMiB = 1 << 20;

}  // namespace

int Device::max_cluster() const {
  for (int blocks = kMaxCluster; blocks > 1; --blocks) {
    if (resident_clusters[blocks] > 0) return blocks;
  }
  return 1;
}

std::array<int, kMaxCluster + 1> ResidentClusters(int multiprocessors, int domains,
                                                  int max_cluster) {
  std::array<int, kMaxCluster + 1> resident = {};
  for (int blocks = 2; blocks <= max_cluster; ++blocks) {
    resident[blocks] = domains * (multiprocessors / domains / blocks);
  }
  return resident;
}

// Sizes of shared memory: the CUDA programming guide's table of compute capabilities. The number
// of domains is an assumption where clusters exist.
const std::vector<Device>& KnownDevices() {
  static const std::vector<Device> devices = {
      {"T4", 75, 40, 64 << 10, kRegisters, 4 * kMiB, true, {}},
      {"A100", 80, 108, 163 << 10, kRegisters, 40 * kMiB, true, {}},
      {"RTX 3090", 86, 82, 99 << 10, kRegisters, 6 * kMiB, true, {}},
      {"RTX 4090", 89, 128, 99 << 10, kRegisters, 72 * kMiB, true, {}},
      {"H200", 90, 132, 227 << 10, kRegisters, 50 * kMiB, true, ResidentClusters(132, 8, 16)},
      {"B200", 100, 148, 227 << 10, kRegisters, 126 * kMiB, true, ResidentClusters(148, 8, 16)},
      {"RTX 5090", 120, 170, 99 << 10, kRegisters, 96 * kMiB, true, ResidentClusters(170, 11, 8)},
  };
  return devices;
}

const Device* FindDevice(std::string_view name) {
  for (const Device& device : KnownDevices()) {
    if (device.name == name) return &device;
  }
  return nullptr;
}

}  // namespace tfrnn::cuda
