// SimpleRNN: h[t] = tanh(x·kernel + h[t-1]·recurrent_kernel + bias). Source: Elman 1990, with
// the names of keras.layers.SimpleRNN.
#pragma once

#include "csrc/cells/functions.h"

namespace tfrnn {

template <typename V>
struct SimpleRnn {
  using M = Math<V>;
  static constexpr int kGates = 1, kBiases = 1;
  static constexpr int kStates = 1;            // h
  static constexpr int kSums = 1, kSaved = 1;  // h
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate; }
  static constexpr int kPhases = 1;
  static TFRNN_CELL constexpr int Phase(int) { return 0; }
  static constexpr bool kRecurrent = true, kEmits = false;
  static constexpr int kVectors = 0;

  template <typename F>
  static TFRNN_CELL void Forward(const F& fn, const V (&sums)[kSums], const V (&)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    next[0] = fn.Act(sums[0]);
    saved[0] = fn.Keep(sums[0], next[0]);
  }

  template <typename F>
  static TFRNN_CELL void Backward(F& fn, const V (&saved)[kSaved], const V (&)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    dsums[0] = dnext[0] * fn.ActSlope(saved[0], fn.ActOf(saved[0]));
    dprev[0] = M::Zero();
  }
};

}  // namespace tfrnn
