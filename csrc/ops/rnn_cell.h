// What the ops need to know of a cell at run time: its counts and its kernels.
#pragma once

#include "csrc/cpu/kernels.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/types.h"

namespace tfrnn {

// TensorFlow's 16-bit types and ours are bit-compatible.
template <typename T>
struct Storage {
  using type = T;
};
template <>
struct Storage<Eigen::half> {
  using type = Half;
};
template <>
struct Storage<Eigen::bfloat16> {
  using type = BFloat16;
};

struct CellCounts {
  int states, gates, biases;
};

template <template <typename> class Cell>
constexpr CellCounts CountsOf() {
  return {Cell<float>::kStates, Cell<float>::kGates, Cell<float>::kBiases};
}

// A cell in one dtype of TensorFlow.
template <typename TF>
struct RnnCell {
  CellCounts counts;
  const cpu::Kernels<typename Storage<TF>::type>* kernels;
};

template <template <typename> class Cell, typename TF>
RnnCell<TF> DescribeCell() {
  return {CountsOf<Cell>(), &cpu::GetKernels<Cell, typename Storage<TF>::type>()};
}

}  // namespace tfrnn
