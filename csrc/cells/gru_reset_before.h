// GRU with reset_after=False: the reset gate acts on h, before the recurrent product of the
// candidate. Gates ordered z, r, candidate as in Keras. Source: Cho et al. 2014
// (arXiv:1406.1078v3).
#pragma once

#include "csrc/cells/cell.h"

namespace tfrnn {

template <typename V>
struct GruResetBefore {
  using M = Math<V>;
  static constexpr int kGates = 3, kBiases = 1;
  static constexpr int kStates = 1;            // h
  static constexpr int kSums = 3, kSaved = 4;  // z, r, candidate, r * h
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate; }
  static constexpr int kPhases = 2;
  static TFRNN_CELL constexpr int Phase(int gate) { return gate == 2 ? 1 : 0; }
  static constexpr int kOperand = 3;

  // Phase 0: the sums of z and r are complete.
  static TFRNN_CELL void Prepare(const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&saved)[kSaved]) {
    saved[0] = M::Sigmoid(sums[0]);
    saved[1] = M::Sigmoid(sums[1]);
    saved[3] = saved[1] * prev[0];
  }

  // Phase 1: the sum of the candidate is complete.
  static TFRNN_CELL void Forward(const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    const V z = saved[0];
    const V candidate = M::Tanh(sums[2]);
    next[0] = candidate + z * (prev[0] - candidate);
    saved[2] = candidate;
  }

  // Undoes phase 1; dsums[1] waits for PrepareBackward.
  static TFRNN_CELL void Backward(const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V z = saved[0], candidate = saved[2];
    const V dh = dnext[0];
    dsums[0] = dh * (prev[0] - candidate) * SigmoidGrad(z);
    dsums[2] = (dh - dh * z) * TanhGrad(candidate);
    dprev[0] = dh * z;
  }

  // Undoes phase 0, given the gradient of saved[kOperand].
  static TFRNN_CELL void PrepareBackward(const V (&saved)[kSaved], const V (&prev)[kStates],
                                         const V doperand, V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V r = saved[1];
    dsums[1] = doperand * prev[0] * SigmoidGrad(r);
    dprev[0] = dprev[0] + doperand * r;
  }
};

}  // namespace tfrnn
