// The recurrence of one direction as its kernels see it: plain data, device pointers. It may be
// that of a segment of a longer sequence.
//
// T, B, U, G, K, S stand for time, batch, units and the cell's kGates, kSaved, kStates. "rows"
// marks a tensor of T * B rows in an order that a RowMap tells; all tensors marked "input rows"
// have the order of x, so that weight gradients are plain matrix products over all rows. t counts
// steps in the order in which the forward pass takes them. An absent tensor is a null pointer.
#pragma once

#include <cstdint>
#include <type_traits>

#include "csrc/core/args.h"
#include "csrc/core/types.h"

namespace tfrnn::cuda {

// The row of step t of batch row b.
struct RowMap {
  std::int64_t first = 0, time_stride = 0, batch_stride = 0;
};
TFRNN_CELL std::int64_t RowOf(const RowMap& map, std::int32_t t, std::int32_t b) {
  return map.first + t * map.time_stride + b * map.batch_stride;
}

// What is drawn at random or averaged, the same for all cells. An element's bits depend on the key
// and on (stream, t, b, u) alone: see noise.cuh.
struct Noise {
  std::uint32_t key[2] = {};
  std::uint32_t counter = 0;
  std::uint32_t first_step = 0;                  // of a segment in its sequence
  bool training = false;                         // zoneout draws; else it takes the expectation
  double zoneout[kMaxStates] = {};               // probability that a state keeps its value
  std::uint32_t zoneout_below[kMaxStates] = {};  // the same, times 2^32
  std::uint32_t dropout_below = 0;  // likewise of h as operand, at every step anew; 0: none
  double dropout_scale = 1;         // of what is not dropped
};

struct LoopShape {
  std::int64_t batch = 0, units = 0;
  int directions = 1;
};

template <typename T>
struct LoopBase {
  std::int32_t time = 0, batch = 0, units = 0;
  bool zero_output_for_mask = false;
  bool exact = true;  // float only: products as exact as float's, not rounded to TF32
  RowMap input, output;
  std::int64_t gates_width = 0;          // elements between two rows of gates
  std::int64_t output_width = 0;         // elements between two rows of outputs or doutputs
  const T* recurrent_kernel = nullptr;   // [U, G*U]
  const bool* mask = nullptr;            // input rows of 1
  const T* recurrent_dropout = nullptr;  // [B, U], factors of h as operand of the product
  Noise noise;
  // For a cell with options, see functions.cuh.
  Activation activation = Activation::kTanh, recurrent_activation = Activation::kSigmoid;
  double cell_clip = 0;        // 0: none
  const T* vectors = nullptr;  // [kVectors, U]
  // What the segment processed before left in place of initial or dfinal, and what this one leaves:
  // fields of [B, U], see Carried of the units. On the way back they may be the same memory.
  const ComputeType<T>* carry_in = nullptr;
  ComputeType<T>* carry_out = nullptr;
};

template <typename T>
struct ForwardLoop : LoopBase<T> {
  const T* bias = nullptr;            // [kBiases, G*U]
  T* gates = nullptr;                 // input rows of K*U (G*U without `previous`); the first
                                      // G*U are x·kernel. With
                                      // `previous`, replaced by what the cell saves
  const T* initial[kMaxStates] = {};  // S of [B, U]
  T* outputs = nullptr;               // output rows of U
  T* final[kMaxStates] = {};          // S of [B, U]
  T* previous[kMaxStates] = {};       // S of input rows of U: the states before each step
  T* last[kMaxStates] = {};           // with `previous`: a copy of final but of h
  T* stepped[kMaxStates] = {};        // input rows of U: the states but h before zoneout mixes
                                      // them, where it does
  T* state_outputs = nullptr;         // output rows of U, of a cell with options
};

template <typename T>
struct BackwardLoop : LoopBase<T> {
  T* gates = nullptr;            // as forward left them; replaced by the sums' gradients
  T* previous[kMaxStates] = {};  // as in ForwardLoop; h is replaced by what was multiplied, but of
                                 // masked steps
  const T* last[kMaxStates] = {};
  const T* stepped[kMaxStates] = {};
  const T* doutputs = nullptr;       // output rows of U
  const T* dfinal[kMaxStates] = {};  // S of [B, U]
  T* dinitial[kMaxStates] = {};      // S of [B, U]
  // Of a cell with options:
  const T* dstate_outputs = nullptr;   // output rows of U
  ComputeType<T>* dvectors = nullptr;  // [B, kVectors*U], summed up over the steps
};

static_assert(std::is_trivially_copyable_v<ForwardLoop<float>>);
static_assert(std::is_trivially_copyable_v<BackwardLoop<float>>);

}  // namespace tfrnn::cuda
