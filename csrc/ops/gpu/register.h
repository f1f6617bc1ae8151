// Registers the GPU kernels of a cell's ops. Seeds are read on the host.
#pragma once

#include "csrc/ops/gpu/engine.h"
#include "csrc/ops/register.h"
#include "csrc/ops/select.h"

#define TFRNN_GPU_KERNEL(name) Name(name).Device(tensorflow::DEVICE_GPU).HostMemory("seed")

#define TFRNN_REGISTER_GPU_CELL(name, Select) \
  TFRNN_REGISTER_CELL(TFRNN_GPU_KERNEL, name, Select, GpuEngine)
