// The engine's functions for one cell and storage type, as the table the ops call through.
#pragma once

#include "csrc/cpu/backward.h"
#include "csrc/cpu/forward.h"
#include "csrc/cpu/input_gradient.h"
#include "csrc/cpu/kernels.h"
#include "csrc/cpu/weight_gradient.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class Cell, typename T>
const Kernels<T>& Table() {
  static constexpr Kernels<T> table = {
      Layout<Cell, ComputeType<T>>::ReserveBytes,
      ForwardWorkspace<Cell, T>,
      BackwardWorkspace<Cell, T>,
      InputGradientWorkspace<Cell, T>,
      WeightGradientWorkspace<Cell, T>,
      Forward<Cell, T>,
      Backward<Cell, T>,
      InputGradient<Cell, T>,
      WeightGradient<Cell, T>,
  };
  return table;
}

// Instantiates the table of a cell for every storage type the ops register.
#define TFRNN_INSTANTIATE(Cell)                          \
  template const Kernels<float>& Table<Cell, float>();   \
  template const Kernels<double>& Table<Cell, double>(); \
  template const Kernels<Half>& Table<Cell, Half>();     \
  template const Kernels<BFloat16>& Table<Cell, BFloat16>()

}  // namespace tfrnn::cpu::TFRNN_ISA
