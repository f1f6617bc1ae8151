// The words every cell is written in. Compiles under g++, clang++ and nvcc alike.
//
// A cell is a struct template over V, the value it computes with: float or double in the tests
// and on a GPU, a SIMD vector on the CPU. It uses only + - * and Math<V>, owns no memory and no
// loop over data, so that one text serves every device. A cell consists of
//
//   kGates    columns of the kernels, in units
//   kBiases   rows of the bias (2: one for the input share, one for the recurrent share)
//   kStates   states carried from step to step, h first
//   kSums     pre-activation sums a unit needs in one step
//   kSaved    values a unit keeps for the gradient; the first kSums of them are replaced by the
//             gradients of the sums on the way back, hence kSaved >= kSums
//   InputSum(gate), RecurrentSum(gate)   the sum that the gate's share of x·kernel, or of
//             h·recurrent_kernel, is added to
//   kPhases, Phase(gate)   most cells need one pass over the recurrent weights a step. A cell with
//             two computes the gates of phase 0 from h, then multiplies saved[kOperand] instead of
//             h with the recurrent weights of the gates of phase 1.
//   kRecurrent   whether there are recurrent weights at all
//   kVectors  weights of a unit that belong to no product, see functions.h
//   kEmits    whether Forward is Carry, which makes the state next[1], and then Emit, which makes h
//             of it: layer normalisation comes between the two
//
// and of Forward and Backward (with two phases also Prepare and PrepareBackward; with kEmits also
// the halves of both). The first argument `fn` says which activations there are, see functions.h.
// Backward may read next[s] for s >= 1 only; PrepareBackward sees saved as Backward left it.
#pragma once

#include <cmath>

#if defined(__CUDACC__)
#define TFRNN_CELL __host__ __device__ __forceinline__
#else
#define TFRNN_CELL inline __attribute__((always_inline))
#endif

namespace tfrnn {

// Scalar functions; csrc/cpu/simd.h specialises Math for its vectors.
template <typename V>
struct Math {
  static TFRNN_CELL V Zero() { return V(0); }
  static TFRNN_CELL V One() { return V(1); }
  static TFRNN_CELL V Of(double x) { return V(x); }
  static TFRNN_CELL V Sigmoid(V x) { return V(1) / (V(1) + std::exp(-x)); }
  static TFRNN_CELL V Tanh(V x) { return std::tanh(x); }
  static TFRNN_CELL V Exp(V x) { return std::exp(x); }
  static TFRNN_CELL V Expm1(V x) { return std::expm1(x); }
  static TFRNN_CELL V Log1p(V x) { return std::log1p(x); }
  static TFRNN_CELL V Erf(V x) { return std::erf(x); }
};

// Derivatives of the activations in terms of the activated value y.
template <typename V>
TFRNN_CELL V SigmoidGrad(V y) {
  return y - y * y;
}
template <typename V>
TFRNN_CELL V TanhGrad(V y) {
  return Math<V>::One() - y * y;
}

}  // namespace tfrnn
