// What plan() needs to know of a GPU, and some GPUs by name, to plan for one that is not there.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tfrnn::cuda {

constexpr int kMaxCluster = 16;

struct Device {
  std::string name;
  int arch = 0;  // 90 for compute capability 9.0
  int multiprocessors = 0;
  int shared_per_block = 0;  // bytes a block may have at most, after opting in
  int registers = 0;         // of a multiprocessor
  std::int64_t l2_bytes = 0;
  bool cooperative = true;  // whether a launch can ask for all its blocks to be resident at once
  // Clusters of this many blocks that are resident at once, one block a multiprocessor; 0 if a
  // cluster cannot have that many.
  std::array<int, kMaxCluster + 1> resident_clusters = {};

  int max_cluster() const;
};

// Resident clusters of a GPU whose multiprocessors are evenly spread over `domains`, which no
// cluster crosses.
std::array<int, kMaxCluster + 1> ResidentClusters(int multiprocessors, int domains,
                                                  int max_cluster);

const std::vector<Device>& KnownDevices();

// Null if there is none of that name.
const Device* FindDevice(std::string_view name);

}  // namespace tfrnn::cuda
