// What a fused call needs, and nothing about how it runs.
//
// In the comments T, B, C, U are RnnShape's fields and G, S the cell's kGates and kStates. "rows"
// marks a tensor whose first two axes are time and batch, in the order time_major says:
// [T, B, C] or [B, T, C]. A dropout tensor holds, for every gate, the factors that the input (or
// the recurrent operand, most often h) is multiplied with before the product with the gate's
// weights, the same at every step. An absent tensor is a null pointer. Step t of the recurrence
// reads x and mask at time t, or T-1-t with go_backwards, and writes outputs at time t.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tfrnn {

constexpr int kMaxStates = 4;

struct RnnShape {
  std::int64_t time = 0, batch = 0, input = 0, units = 0;
  bool time_major = false;
};

// The options of one call, common to the forward op and its gradients.
struct RnnOptions {
  bool go_backwards = false;
  bool zero_output_for_mask = false;  // masked steps put out zeros, not the previous output
};

template <typename T>
struct ForwardArgs {
  RnnShape shape;
  RnnOptions options;
  const T* x = nullptr;                  // rows of C
  const T* initial[kMaxStates] = {};     // S of [B, U]
  const T* kernel = nullptr;             // [C, G*U]
  const T* recurrent_kernel = nullptr;   // [U, G*U]
  const T* bias = nullptr;               // [kBiases, G*U], may be absent
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* input_dropout = nullptr;      // [G, B, C], may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, U], may be absent
  T* outputs = nullptr;                  // rows of U
  T* final[kMaxStates] = {};             // S of [B, U]
  void* reserve_space = nullptr;         // kept for the gradient; absent in inference
  void* workspace = nullptr;
};

// The recurrence backwards. dgates may be the same memory as reserve_space.
template <typename T>
struct BackwardArgs {
  RnnShape shape;  // input is not used
  RnnOptions options;
  const T* initial[kMaxStates] = {};     // S of [B, U]
  const T* recurrent_kernel = nullptr;   // [U, G*U]
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, U], may be absent
  const T* outputs = nullptr;            // rows of U
  const void* reserve_space = nullptr;
  const T* doutputs = nullptr;       // rows of U
  const T* dfinal[kMaxStates] = {};  // S of [B, U]
  T* dinitial[kMaxStates] = {};      // S of [B, U]
  void* dgates = nullptr;            // as large as reserve_space
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
  T* dx = nullptr;  // rows of C
  void* workspace = nullptr;
};

template <typename T>
struct WeightGradientArgs {
  RnnShape shape;
  RnnOptions options;
  const T* x = nullptr;                  // rows of C
  const T* initial_h = nullptr;          // [B, U]
  const bool* mask = nullptr;            // rows of 1, may be absent
  const T* input_dropout = nullptr;      // [G, B, C], may be absent
  const T* recurrent_dropout = nullptr;  // [G, B, U], may be absent
  const T* outputs = nullptr;            // rows of U
  const void* dgates = nullptr;
  T* dkernel = nullptr;            // [C, G*U]
  T* drecurrent_kernel = nullptr;  // [U, G*U]
  T* dbias = nullptr;              // [kBiases, G*U], absent without a bias
  void* workspace = nullptr;
};

// Kernels may take these by value.
static_assert(std::is_trivially_copyable_v<ForwardArgs<float>>);
static_assert(std::is_trivially_copyable_v<BackwardArgs<float>>);
static_assert(std::is_trivially_copyable_v<InputGradientArgs<float>>);
static_assert(std::is_trivially_copyable_v<WeightGradientArgs<float>>);

}  // namespace tfrnn
