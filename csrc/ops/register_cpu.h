// Declares a cell's five ops and registers their CPU kernels.
#pragma once

#include "csrc/ops/cpu_engine.h"
#include "csrc/ops/register.h"
#include "csrc/ops/select.h"
#include "csrc/ops/shapes.h"
#include "csrc/ops/signature.h"

#define TFRNN_CPU_KERNEL(name) Name(name).Device(tensorflow::DEVICE_CPU)

#define TFRNN_REGISTER_CPU_CELL(name, Select) \
  TFRNN_REGISTER_CELL(TFRNN_CPU_KERNEL, name, Select, CpuEngine)
