// SimpleRNN: h[t] = tanh(x·kernel + h[t-1]·recurrent_kernel + bias). Source: Elman 1990, with
// the names of keras.layers.SimpleRNN.
#pragma once

#include "csrc/cells/cell.h"

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

  static TFRNN_CELL void Forward(const V (&sums)[kSums], const V (&)[kStates], V (&next)[kStates],
                                 V (&saved)[kSaved]) {
    next[0] = M::Tanh(sums[0]);
    saved[0] = next[0];
  }

  static TFRNN_CELL void Backward(const V (&saved)[kSaved], const V (&)[kStates],
                                  const V (&)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    dsums[0] = dnext[0] * TanhGrad(saved[0]);
    dprev[0] = M::Zero();
  }
};

}  // namespace tfrnn
