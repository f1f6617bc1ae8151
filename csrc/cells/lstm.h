// LSTM, gates ordered i, f, g, o along the last axis as in Keras and cuDNN (g is Keras's c).
// Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
#pragma once

#include "csrc/cells/cell.h"

namespace tfrnn {

template <typename V>
struct Lstm {
  using M = Math<V>;
  static constexpr int kGates = 4, kBiases = 1;
  static constexpr int kStates = 2;            // h, c
  static constexpr int kSums = 4, kSaved = 4;  // the activated gates
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate; }
  static constexpr int kPhases = 1;
  static TFRNN_CELL constexpr int Phase(int) { return 0; }

  static TFRNN_CELL void Forward(const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    const V i = M::Sigmoid(sums[0]);
    const V f = M::Sigmoid(sums[1]);
    const V g = M::Tanh(sums[2]);
    const V o = M::Sigmoid(sums[3]);
    const V c = f * prev[1] + i * g;
    next[0] = o * M::Tanh(c);
    next[1] = c;
    saved[0] = i, saved[1] = f, saved[2] = g, saved[3] = o;
  }

  // dprev[0] leaves out what flows through recurrent_kernel; the driver adds it.
  static TFRNN_CELL void Backward(const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&next)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V i = saved[0], f = saved[1], g = saved[2], o = saved[3];
    const V tanh_c = M::Tanh(next[1]);
    const V dc = dnext[1] + dnext[0] * o * TanhGrad(tanh_c);
    dsums[0] = dc * g * SigmoidGrad(i);
    dsums[1] = dc * prev[1] * SigmoidGrad(f);
    dsums[2] = dc * i * TanhGrad(g);
    dsums[3] = dnext[0] * tanh_c * SigmoidGrad(o);
    dprev[0] = M::Zero();
    dprev[1] = dc * f;
  }
};

}  // namespace tfrnn
