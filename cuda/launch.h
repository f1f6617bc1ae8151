// The CUDA side's whole surface. Nothing of TensorFlow and no header of CUDA's crosses this line.
//
// Every call enqueues work on `stream` and never synchronises; pointers in the arguments are device
// pointers. Up to two directions of a layer go through one call, alike in shape (but for the input)
// and options (but for go_backwards). An error says what was found and expected; nothing has been
// enqueued then, or what was has no use.
#pragma once

#include <cstddef>

#include "csrc/core/args.h"
#include "cuda/blas.h"
#include "cuda/error.h"
#include "cuda/loop.h"
#include "cuda/plan_types.h"

namespace tfrnn::cuda {

// What the arguments of csrc/core do not say.
struct CallOptions {
  Noise noise;
  bool exact = true;  // float32 only: not rounded to TF32 in products
  Blas blas;
};

// Instantiated in cuda/<cell>.cu for every dtype the ops register.
template <template <typename> class Cell, typename T>
struct Layer {
  // Bytes of a direction's reserve_space, and of the workspace, which is the first direction's and
  // serves both. InputGradient needs none.
  static std::size_t ReserveBytes(const RnnShape& shape, const CallOptions& options);
  static std::size_t ForwardWorkspace(const RnnShape& shape, int directions, const Plan& plan,
                                      bool training);
  static std::size_t BackwardWorkspace(const RnnShape& shape, int directions, const Plan& plan);
  static std::size_t WeightGradientWorkspace(const RnnShape& shape);

  static Error Forward(const ForwardArgs<T>* directions, int count, const CallOptions& options,
                       const Plan& plan, Stream stream);
  // dgates must be reserve_space: the gradients of the gates replace what the cells saved.
  static Error Backward(const BackwardArgs<T>* directions, int count, const CallOptions& options,
                        const Plan& plan, Stream stream);
  static Error InputGradient(const InputGradientArgs<T>& args, const CallOptions& options,
                             Stream stream);
  static Error WeightGradient(const WeightGradientArgs<T>& args, const CallOptions& options,
                              Stream stream);
};

}  // namespace tfrnn::cuda
