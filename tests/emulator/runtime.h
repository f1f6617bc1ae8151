// cuda/runtime.cuh's names on the emulator: a launch runs to its end.
#pragma once

#include <atomic>
#include <cstring>
#include <tuple>

#include "tests/emulator/emulator.h"

namespace tfrnn::cuda {

// What the emulated device claims to be; tests change it.
inline DeviceLimits emulated_device = {90, 132, 227 << 10};
inline std::atomic<int> launch_count{0};

inline Error CurrentDevice(DeviceLimits* limits) {
  *limits = emulated_device;
  return "";
}

inline Error Zero(void* data, std::size_t bytes, Stream) {
  std::memset(data, 0, bytes);
  return "";
}

inline Error CopyOnDevice(void* to, const void* from, std::size_t bytes, Stream) {
  std::memcpy(to, from, bytes);
  return "";
}

inline Error CopyRowsOnDevice(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t bytes, std::size_t count,
                              Stream) {
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(static_cast<unsigned char*>(to) + i * to_pitch,
                static_cast<const unsigned char*>(from) + i * from_pitch, bytes);
  }
  return "";
}

template <typename... Parameters>
Error Launch(void (*kernel)(Parameters...), const LaunchConfig& config,
             const Parameters&... arguments) {
  if (config.threads > 1024 || config.grid_x % config.cluster != 0 || config.cluster > 16 ||
      config.grid_y > 65535 || config.grid_z > 65535 ||
      config.shared_bytes > static_cast<std::size_t>(emulated_device.shared_bytes)) {
    return "launching a kernel: invalid configuration";
  }
  ++launch_count;
  const auto body = [&] { kernel(arguments...); };
  using Body = decltype(body);
  emulator::LaunchShape shape;
  shape.grid = {config.grid_x, config.grid_y, config.grid_z};
  shape.threads = config.threads, shape.cluster = config.cluster;
  shape.shared_bytes = config.shared_bytes;
  return emulator::Run(
      shape, [](void* b) { (*static_cast<Body*>(b))(); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace tfrnn::cuda
