// What the ops need to know of a cell at run time: its counts and an engine's kernels for it.
//
// An engine is the policy that the op classes are templates of: CpuEngine or GpuEngine. It names
// the dtype, TF to TensorFlow and T to the kernels, and runs the passes of a cell on its device.
#pragma once

#include "csrc/core/args.h"
#include "csrc/core/types.h"
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
  int states, gates, biases, vectors;
  bool recurrent, emits;  // see cell.h; only a cell that emits can project
  int layer_norm;         // columns of layer_norm, in units
};

template <template <typename> class Cell>
constexpr CellCounts CountsOf() {
  using C = Cell<float>;
  return {C::kStates,
          C::kGates,
          C::kBiases,
          C::kVectors,
          C::kRecurrent,
          C::kEmits,
          static_cast<int>(LayerNormWidth<C>(1))};
}

// A cell in one dtype of TensorFlow.
template <typename Engine>
struct RnnCell {
  CellCounts counts;
  const typename Engine::Kernels* kernels;
};

template <template <typename> class Cell, typename Engine>
RnnCell<Engine> DescribeCell() {
  return {CountsOf<Cell>(), &Engine::template KernelsOf<Cell>()};
}

}  // namespace tfrnn
