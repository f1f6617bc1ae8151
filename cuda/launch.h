// The CUDA side's whole surface. Nothing of TensorFlow and no header of CUDA's crosses this line.
//
// Every call enqueues work on `stream` and never synchronises; pointers in the arguments are device
// pointers. Up to two directions of a layer go through one call, alike in shape (but for the input)
// and options (but for go_backwards). An error says what was found and expected; nothing has been
// enqueued then, or what was has no use.
//
// How a step crosses the chip: forward_unit.cuh (a unit), product.cuh (the recurrent weights),
// exchange.cuh (what blocks hand each other) and persistent.cuh (a sequence in one launch), in this
// order; on the way back backward_unit.cuh, reduction.cuh and backward_pass.cuh for three of them;
// then stepwise.cuh, and for what of options these take, functions.cuh. With any option:
// general/loop.h, row.cuh, forward_row.cuh, stepwise.cuh.
//
// A call with shape.total is that of a segment: x, indices, mask, dx and state_dropout are then its
// own steps, the other rows those of the whole sequence, as csrc/core/args.h says. It has one
// direction. Gradients are summed up in the type that T is computed in, in the workspace; the first
// segment, which comes last, rounds them.
//
// options.general chooses the kernels of cuda/general, which take any option one launch a step. It
// must be set where GeneralReason of cuda/options.h gives a reason, and alike in all calls of a
// layer.
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
  bool exact = true;  // float32 only: not rounded to TF32 in products
  Blas blas;
};

// Instantiated in cuda/<cell>.cu for every dtype the ops register.
template <template <typename> class Cell, typename T>
struct Layer {
  // Bytes of a direction's reserve_space, and of workspaces; the first direction's serves both. Of
  // pointers it matters only which are null.
  static std::size_t ReserveBytes(const RnnShape& shape, const RnnOptions& options);
  static std::size_t ForwardWorkspace(const ForwardArgs<T>* directions, int count,
                                      const Plan& plan);
  // Of what a segment of a sequence hands to the next forwards, as carry_out and then carry_in.
  // Backwards it stays in the workspace that the next call `continues`.
  static std::size_t CarryBytes(const RnnShape& shape, const RnnOptions& options);
  static std::size_t BackwardWorkspace(const BackwardArgs<T>* directions, int count,
                                       const Plan& plan);
  static std::size_t InputGradientWorkspace(const InputGradientArgs<T>& args);
  static std::size_t WeightGradientWorkspace(const WeightGradientArgs<T>& args);

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
