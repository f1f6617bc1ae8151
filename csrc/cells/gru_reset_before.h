// GRU with reset_after=False: the reset gate acts on h, before the recurrent product of the
// candidate. Gates ordered z, r, candidate as in Keras. Source: Cho et al. 2014
// (arXiv:1406.1078v3).
#pragma once

#include "csrc/cells/functions.h"

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
  static constexpr bool kRecurrent = true, kEmits = false;
  static constexpr int kVectors = 0;

  // Phase 0: the sums of z and r are complete.
  template <typename F>
  static TFRNN_CELL void Prepare(const F& fn, const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&saved)[kSaved]) {
    const V z = fn.Gate(sums[0]), r = fn.Gate(sums[1]);
    saved[0] = fn.Keep(sums[0], z);
    saved[1] = fn.Keep(sums[1], r);
    saved[3] = r * prev[0];
  }

  // Phase 1: the sum of the candidate is complete.
  template <typename F>
  static TFRNN_CELL void Forward(const F& fn, const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    const V z = fn.GateOf(saved[0]);
    const V candidate = fn.Act(sums[2]);
    next[0] = candidate + z * (prev[0] - candidate);
    saved[2] = fn.Keep(sums[2], candidate);
  }

  // Undoes phase 1; dsums[1] waits for PrepareBackward.
  template <typename F>
  static TFRNN_CELL void Backward(F& fn, const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V z = fn.GateOf(saved[0]), candidate = fn.ActOf(saved[2]);
    const V dh = dnext[0];
    dsums[0] = dh * (prev[0] - candidate) * fn.GateSlope(saved[0], z);
    dsums[2] = (dh - dh * z) * fn.ActSlope(saved[2], candidate);
    dprev[0] = dh * z;
  }

  // Undoes phase 0, given the gradient of saved[kOperand].
  template <typename F>
  static TFRNN_CELL void PrepareBackward(F& fn, const V (&saved)[kSaved], const V (&prev)[kStates],
                                         const V doperand, V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V r = fn.GateOf(saved[1]);
    dsums[1] = doperand * prev[0] * fn.GateSlope(saved[1], r);
    dprev[0] = dprev[0] + doperand * r;
  }
};

}  // namespace tfrnn
