// What a fused call needs, and nothing about how it runs.
//
// In the comments T, B, C, U are RnnShape's fields, H the width of h (units, or those of the
// projection), and G, S the cell's kGates and kStates. "rows" marks a tensor whose first two axes
// are time and batch, in the order time_major says: [T, B, C] or [B, T, C]. A dropout tensor
// holds, for every gate, the factors that the input (or the recurrent operand, most often h) is
// multiplied with before the product with the gate's weights, the same at every step. An absent
// tensor is a null pointer. Step t of the recurrence reads x and mask at time t, or T-1-t with
// go_backwards, and writes outputs at time t.
#pragma once

#include <cstdint>
#include <type_traits>

#include "csrc/cells/activation.h"

namespace tfrnn {

constexpr int kMaxStates = 4;

struct RnnShape {
  std::int64_t time = 0, batch = 0, input = 0, units = 0;
  std::int64_t projection = 0;  // 0: none
  bool time_major = false;
  // A segment of a longer sequence: its steps are those from `first` on of `total` (0: of time).
  // The tensors marked "rows" are those of the whole sequence, but for a forward call's outputs
  // if they are `local`.
  std::int64_t first = 0, total = 0;
  bool local_outputs = false;

  constexpr std::int64_t Hidden() const { return projection > 0 ? projection : units; }
};

// The options of one call, common to the forward op and its gradients.
struct RnnOptions {
  bool go_backwards = false;
  bool zero_output_for_mask = false;  // masked steps put out zeros, not the previous output

  // What follows takes the general loops of an engine, together with the tensors `vectors`,
  // `layer_norm`, `projection` and `state_outputs` below.
  bool general = false;
  bool layer_norm = false;  // there is a tensor of that name
  Activation activation = Activation::kTanh, recurrent_activation = Activation::kSigmoid;
  bool training = false;         // random factors are drawn; else zoneout takes its expectation
  bool shared_dropout = false;   // recurrent_dropout is [1, B, H]: all gates have the same
  double recurrent_dropout = 0;  // rate, a new mask each step, the same for all gates
  double zoneout = 0, cell_zoneout = 0;  // rates, of h and of the second state
  std::uint64_t seed[2] = {};            // see philox.h
  double layer_norm_epsilon = 1e-3;
  bool layer_norm_carry = false;              // the normalised state is the one that is carried
  double cell_clip = 0, projection_clip = 0;  // 0: none
};

// Columns of `layer_norm`: its row 0 holds gains, row 1 offsets, of x·kernel, of
// h·recurrent_kernel and of the state that a cell with kEmits normalises.
template <typename Cell>
TFRNN_CELL constexpr std::int64_t LayerNormWidth(std::int64_t units) {
  return (Cell::kGates * (Cell::kRecurrent ? 2 : 1) + Cell::kEmits) * units;
}

template <typename T>
struct ForwardArgs {
  RnnShape shape;
  RnnOptions options;
  const T* x = nullptr;                  // rows of C
  const T* initial[kMaxStates] = {};     // [B, H], then S - 1 of [B, U]
  const T* kernel = nullptr;             // [C, G*U]
  const T* recurrent_kernel = nullptr;   // [H, G*U]
  const T* bias = nullptr;               // [kBiases, G*U], may be absent
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* input_dropout = nullptr;      // [G, B, C], may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, H], may be absent
  const T* vectors = nullptr;            // [kVectors, U], may be absent
  const T* layer_norm = nullptr;         // [2, LayerNormWidth], may be absent
  const T* projection = nullptr;         // [U, H], may be absent
  T* outputs = nullptr;                  // rows of H
  T* state_outputs[kMaxStates] = {};     // from 1 on rows of U, may be absent
  T* final[kMaxStates] = {};             // [B, H], then S - 1 of [B, U]
  void* reserve_space = nullptr;         // kept for the gradient; absent in inference
  const void* carry_in = nullptr;        // S - 1 of [B, U] in the compute type, in place of initial
  void* carry_out = nullptr;             // likewise, besides final
  bool packed = false;  // the workspace is that of a call with the same shape and weights
  void* workspace = nullptr;
};

// The recurrence backwards. dgates may be the same memory as reserve_space.
template <typename T>
struct BackwardArgs {
  RnnShape shape;  // input is not used
  RnnOptions options;
  const T* initial[kMaxStates] = {};     // [B, H], then S - 1 of [B, U]
  const T* recurrent_kernel = nullptr;   // [H, G*U]
  const T* bias = nullptr;               // [kBiases, G*U], may be absent; for layer_norm only
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, H], may be absent
  const T* vectors = nullptr;            // [kVectors, U], may be absent
  const T* layer_norm = nullptr;         // [2, LayerNormWidth], may be absent
  const T* projection = nullptr;         // [U, H], may be absent
  const T* outputs = nullptr;            // rows of H
  const void* reserve_space = nullptr;
  const T* doutputs = nullptr;               // rows of H
  const T* dstate_outputs[kMaxStates] = {};  // from 1 on rows of U, may be absent
  const T* dfinal[kMaxStates] = {};          // [B, H], then S - 1 of [B, U]
  T* dinitial[kMaxStates] = {};              // likewise
  T* dvectors = nullptr;                     // [kVectors, U], absent without vectors
  T* dlayer_norm = nullptr;                  // [2, LayerNormWidth], absent without layer_norm
  void* dgates = nullptr;                    // as large as reserve_space
  const void* carry_in = nullptr;            // as in ForwardArgs
  // What the steps after this segment pass on to it, and what it passes on, in the compute type:
  // 2 of [B, H], S - 1 of [B, U]. They take the place of dfinal and come besides dinitial. Sums
  // over the steps go on in a workspace that a call `continues`.
  const void* dcarry_in = nullptr;
  void* dcarry_out = nullptr;
  bool continues = false;
  bool packed = false;  // as in ForwardArgs
  void* workspace = nullptr;
};

template <typename T>
struct InputGradientArgs {
  RnnShape shape;
  RnnOptions options;
  const T* kernel = nullptr;         // [C, G*U]
  const bool* mask = nullptr;        // rows of 1, may be absent
  const T* input_dropout = nullptr;  // [G, B, C], may be absent
  const void* dgates = nullptr;
  T* dx = nullptr;      // rows of C
  bool packed = false;  // as in ForwardArgs
  void* workspace = nullptr;
};

template <typename T>
struct WeightGradientArgs {
  RnnShape shape;
  RnnOptions options;
  const T* x = nullptr;                  // rows of C
  const T* initial_h = nullptr;          // [B, H]
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* input_dropout = nullptr;      // [G, B, C], may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, H], may be absent
  const T* outputs = nullptr;            // rows of H
  const void* dgates = nullptr;
  T* dkernel = nullptr;            // [C, G*U]
  T* drecurrent_kernel = nullptr;  // [H, G*U]
  T* dbias = nullptr;              // [kBiases, G*U], absent without a bias and with layer_norm
  T* dprojection = nullptr;        // [U, H], absent without a projection
  bool continues = false;          // with the sums that the workspace holds: segments, last first
  void* workspace = nullptr;
};

// Kernels may take these by value.
static_assert(std::is_trivially_copyable_v<ForwardArgs<float>>);
static_assert(std::is_trivially_copyable_v<BackwardArgs<float>>);
static_assert(std::is_trivially_copyable_v<InputGradientArgs<float>>);
static_assert(std::is_trivially_copyable_v<WeightGradientArgs<float>>);

}  // namespace tfrnn
