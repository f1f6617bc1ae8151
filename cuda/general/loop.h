// The recurrence of one direction with any option, as its kernels see it: plain data, device
// pointers. Letters and "rows" are those of cuda/loop.h; W is the width of h, D is G where h is
// dropped with a mask for each gate and 1 elsewhere. An absent tensor is a null pointer.
//
// Without layer normalisation `gates` holds the sums of a unit (what Cell::kSaved counts), with it
// the normalised shares of x·kernel, and `recurrents` those of the recurrent products and what a
// second phase multiplies. On the way back the gradients of the products take their place.
#pragma once

#include <cstdint>
#include <type_traits>

#include "csrc/core/args.h"
#include "csrc/core/types.h"
#include "cuda/loop.h"

namespace tfrnn::cuda {

template <typename T>
struct GeneralLoop {
  using A = ComputeType<T>;

  std::int32_t time = 0, batch = 0, units = 0, width = 0;
  bool exact = true;            // as in LoopBase
  bool drops_per_gate = false;  // h, by recurrent_dropout
  bool resumes = false;         // goes on with what a segment has left in the workspace
  RnnOptions options;
  Noise noise;
  RowMap input, output;
  std::int64_t output_width = 0;         // elements between two rows of outputs or doutputs
  const T* recurrent_kernel = nullptr;   // [W, G*U]
  const T* bias = nullptr;               // [kBiases, G*U]
  const bool* mask = nullptr;            // input rows of 1
  const T* recurrent_dropout = nullptr;  // [D, B, W]
  const T* state_dropout = nullptr;      // [T, B, W], of the h that a step starts from
  const T* vectors = nullptr;            // [kVectors, U]
  const T* layer_norm = nullptr;         // [2, LayerNormWidth]
  const T* projection = nullptr;         // [U, W]

  // Kept for the gradient; absent in inference, but for `gates`, and `hidden` of one step.
  T* gates = nullptr;            // input rows of K*U (inference: of G*U), first x·kernel
  std::int64_t gates_width = 0;  // elements between two rows of gates
  T* recurrents = nullptr;       // input rows of K*U
  A* scales = nullptr;           // input rows of 1 + kPhases: 1 / deviation
  T* previous[kMaxStates] = {};  // input rows of W, then U: the states that each step starts from
  T* hidden = nullptr;           // rows of U: what is projected
  RowMap hidden_rows;            // input rows, or those of one step
  T* projected = nullptr;        // input rows of W: 1 where it was not clipped, else 0; then
                                 // the gradient of the product
  // Of one step, in the workspace.
  A* h = nullptr;        // [B, W]: h, or its gradient but for what comes through the product
  A* state = nullptr;    // [B, U]: likewise
  A* product = nullptr;  // forward [B, G*U], backward [D, B, W]: of the recurrent weights
  T* operand = nullptr;  // forward [D, B, W], backward [B, G*U]: what is multiplied with them
  A* beside = nullptr;   // forward [B, W], backward [B, U]: the product of the projection
};

template <typename T>
struct GeneralForwardLoop : GeneralLoop<T> {
  const T* initial[kMaxStates] = {};  // [B, W], then [B, U]
  T* outputs = nullptr;               // output rows of W, output_width apart
  T* state_outputs = nullptr;         // output rows of U, may be absent
  T* final[kMaxStates] = {};          // as initial
  ComputeType<T>* started = nullptr;  // [B]: 1 after the first step that the mask lets through
  ComputeType<T>* emitted = nullptr;  // [B, 2, U]: the state to be normalised, and the last gate
};

template <typename T>
struct GeneralBackwardLoop : GeneralLoop<T> {
  using A = ComputeType<T>;
  const T* doutputs = nullptr;        // output rows of W
  const T* dstate_outputs = nullptr;  // output rows of U, may be absent
  const T* dfinal[kMaxStates] = {};   // [B, W], then [B, U]
  T* dinitial[kMaxStates] = {};       // likewise
  A* repeated = nullptr;              // [B, W]: of the masked steps that repeated an output
  A* dnew = nullptr;                  // [B, W]: gradient of what zoneout let into h
  A* dsums = nullptr;                 // [B, kSums*U]: of the sums, before all is undone
  A* normal = nullptr;                // [B, U]: the normalised state
  A* dstate = nullptr;                // [B, U]: the gradient of its affine image
  // Summed up over the steps for each batch row, laid out as the parameters.
  A* dvectors = nullptr;     // [B, kVectors*U]
  A* dlayer_norm = nullptr;  // [B, 2, LayerNormWidth]
};

static_assert(std::is_trivially_copyable_v<GeneralForwardLoop<float>>);
static_assert(std::is_trivially_copyable_v<GeneralBackwardLoop<float>>);

}  // namespace tfrnn::cuda
