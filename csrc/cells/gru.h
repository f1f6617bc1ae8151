// GRU with reset_after=True: the reset gate acts on h·recurrent_kernel. Gates ordered z, r,
// candidate as in Keras. Source: Cho et al. 2014 (arXiv:1406.1078v1), the form cuDNN runs.
#pragma once

#include "csrc/cells/functions.h"

namespace tfrnn {

template <typename V>
struct Gru {
  using M = Math<V>;
  static constexpr int kGates = 3, kBiases = 2;
  static constexpr int kStates = 1;            // h
  static constexpr int kSums = 4, kSaved = 4;  // z, r, candidate, its recurrent share
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate == 2 ? 3 : gate; }
  static constexpr int kPhases = 1;
  static TFRNN_CELL constexpr int Phase(int) { return 0; }
  static constexpr bool kRecurrent = true, kEmits = false;
  static constexpr int kVectors = 0;

  template <typename F>
  static TFRNN_CELL void Forward(const F& fn, const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    const V z = fn.Gate(sums[0]);
    const V r = fn.Gate(sums[1]);
    const V x = sums[2] + r * sums[3];
    const V candidate = fn.Act(x);
    next[0] = candidate + z * (prev[0] - candidate);
    saved[0] = fn.Keep(sums[0], z), saved[1] = fn.Keep(sums[1], r);
    saved[2] = fn.Keep(x, candidate), saved[3] = sums[3];
  }

  template <typename F>
  static TFRNN_CELL void Backward(F& fn, const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V z = fn.GateOf(saved[0]), r = fn.GateOf(saved[1]), candidate = fn.ActOf(saved[2]);
    const V dh = dnext[0];
    const V dcandidate = (dh - dh * z) * fn.ActSlope(saved[2], candidate);
    const V dr = dcandidate * saved[3];
    dsums[0] = dh * (prev[0] - candidate) * fn.GateSlope(saved[0], z);
    dsums[1] = dr * fn.GateSlope(saved[1], r);
    dsums[2] = dcandidate;
    dsums[3] = dcandidate * r;
    dprev[0] = dh * z;
  }
};

}  // namespace tfrnn
