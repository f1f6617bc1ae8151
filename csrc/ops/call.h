// The operands of one call of an op, checked.
#pragma once

#include "csrc/core/args.h"
#include "tensorflow/core/framework/tensor.h"

namespace tfrnn {

// Absent tensors are null.
template <typename T>
struct Call {
  RnnShape shape;
  RnnOptions options;
  const T *x, *initial[kMaxStates], *kernel, *recurrent_kernel = nullptr, *bias = nullptr;
  const bool* mask = nullptr;
  const T *input_dropout = nullptr, *recurrent_dropout = nullptr, *vectors = nullptr;
  const T *layer_norm = nullptr, *projection = nullptr;
  bool shared_dropout = false;  // recurrent_dropout holds one gate's factors, which are all gates'
  bool cell_states = false;     // the state besides h is put out at every step
  int recompute = 0;            // steps of a segment; 0: all is kept
  tensorflow::Tensor memory;    // of operands that had to be laid out otherwise
};

}  // namespace tfrnn
