// IndRNN: every unit sees only itself, h[t] = relu(x·kernel + u * h[t-1] + bias).
// Source: Li et al. 2018 (arXiv:1803.04831).
#pragma once

#include "csrc/cells/functions.h"

namespace tfrnn {

template <typename V>
struct IndRnn {
  using M = Math<V>;
  static constexpr int kGates = 1, kBiases = 1;
  static constexpr int kStates = 1;  // h
  static constexpr int kSums = 1, kSaved = 1;
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate; }
  static constexpr int kPhases = 1;
  static TFRNN_CELL constexpr int Phase(int) { return 0; }
  static constexpr bool kRecurrent = false, kEmits = false;
  static constexpr int kVectors = 1;  // u

  template <typename F>
  static TFRNN_CELL void Forward(const F& fn, const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    const V x = sums[0] + fn.Vector(0) * prev[0];
    next[0] = fn.Act(x);
    saved[0] = fn.Keep(x, next[0]);
  }

  template <typename F>
  static TFRNN_CELL void Backward(F& fn, const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    dsums[0] = dnext[0] * fn.ActSlope(saved[0], fn.ActOf(saved[0]));
    dprev[0] = dsums[0] * fn.Vector(0);
    fn.Collect(0, dsums[0] * prev[0]);
  }
};

}  // namespace tfrnn
