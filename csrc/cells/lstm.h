// LSTM, gates ordered i, f, g, o along the last axis as in Keras and cuDNN (g is Keras's c).
// Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000, and the
// peepholes of Gers & Schmidhuber 2000.
#pragma once

#include "csrc/cells/functions.h"

namespace tfrnn {

template <typename V>
struct Lstm {
  using M = Math<V>;
  static constexpr int kGates = 4, kBiases = 1;
  static constexpr int kStates = 2;            // h, c
  static constexpr int kSums = 4, kSaved = 4;  // the gates
  static TFRNN_CELL constexpr int InputSum(int gate) { return gate; }
  static TFRNN_CELL constexpr int RecurrentSum(int gate) { return gate; }
  static constexpr int kPhases = 1;
  static TFRNN_CELL constexpr int Phase(int) { return 0; }
  static constexpr bool kRecurrent = true, kEmits = true;
  static constexpr int kVectors = 3;  // peepholes of i, f, o

  template <typename F>
  static TFRNN_CELL void Forward(const F& fn, const V (&sums)[kSums], const V (&prev)[kStates],
                                 V (&next)[kStates], V (&saved)[kSaved]) {
    next[1] = Carry(fn, sums, prev[1], saved);
    next[0] = Emit(fn, saved, next[1]);
  }

  // The new c.
  template <typename F>
  static TFRNN_CELL V Carry(const F& fn, const V (&sums)[kSums], V before, V (&saved)[kSaved]) {
    V x[kSums] = {sums[0], sums[1], sums[2], sums[3]};
    if constexpr (F::kHasVectors) {
      x[0] = x[0] + fn.Vector(0) * before;
      x[1] = x[1] + fn.Vector(1) * before;
    }
    const V i = fn.Gate(x[0]), f = fn.Gate(x[1]), g = fn.Act(x[2]);
    V c = f * before + i * g;
    if constexpr (F::kClips) c = fn.Clip(c);
    if constexpr (F::kHasVectors) x[3] = x[3] + fn.Vector(2) * c;
    const V o = fn.Gate(x[3]);
    saved[0] = fn.Keep(x[0], i), saved[1] = fn.Keep(x[1], f);
    saved[2] = fn.Keep(x[2], g), saved[3] = fn.Keep(x[3], o);
    return c;
  }

  // The new c again, from what Carry saved.
  template <typename F>
  static TFRNN_CELL V CarryOf(const F& fn, const V (&saved)[kSaved], V before) {
    const V c = fn.GateOf(saved[1]) * before + fn.GateOf(saved[0]) * fn.ActOf(saved[2]);
    return fn.Clip(c);
  }

  // h, of c or of what c was normalised to.
  template <typename F>
  static TFRNN_CELL V Emit(const F& fn, const V (&saved)[kSaved], V c) {
    return fn.GateOf(saved[3]) * fn.Act(c);
  }

  // dprev[0] leaves out what flows through recurrent_kernel; the driver adds it.
  template <typename F>
  static TFRNN_CELL void Backward(F& fn, const V (&saved)[kSaved], const V (&prev)[kStates],
                                  const V (&next)[kStates], const V (&dnext)[kStates],
                                  V (&dsums)[kSums], V (&dprev)[kStates]) {
    const V dc = dnext[1] + EmitBackward(fn, saved, next[1], dnext[0], dsums);
    dprev[0] = M::Zero();
    dprev[1] = CarryBackward(fn, saved, prev[1], next[1], dc, dsums);
  }

  // Returns the gradient of Emit's c; makes dsums[3].
  template <typename F>
  static TFRNN_CELL V EmitBackward(const F& fn, const V (&saved)[kSaved], V c, V dh,
                                   V (&dsums)[kSums]) {
    const V o = fn.GateOf(saved[3]), a = fn.Act(c);
    dsums[3] = dh * a * fn.GateSlope(saved[3], o);
    return dh * o * fn.ActSlope(c, a);
  }

  // Returns the gradient of `before`; reads dsums[3] and makes the others.
  template <typename F>
  static TFRNN_CELL V CarryBackward(F& fn, const V (&saved)[kSaved], V before, V c, V dc,
                                    V (&dsums)[kSums]) {
    const V i = fn.GateOf(saved[0]), f = fn.GateOf(saved[1]), g = fn.ActOf(saved[2]);
    if constexpr (F::kHasVectors) {
      dc = dc + dsums[3] * fn.Vector(2);
      fn.Collect(2, dsums[3] * c);
    }
    if constexpr (F::kClips) dc = dc * fn.ClipSlope(f * before + i * g);
    dsums[0] = dc * g * fn.GateSlope(saved[0], i);
    dsums[1] = dc * before * fn.GateSlope(saved[1], f);
    dsums[2] = dc * i * fn.ActSlope(saved[2], g);
    V dbefore = dc * f;
    if constexpr (F::kHasVectors) {
      dbefore = dbefore + dsums[0] * fn.Vector(0) + dsums[1] * fn.Vector(1);
      fn.Collect(0, dsums[0] * before);
      fn.Collect(1, dsums[1] * before);
    }
    return dbefore;
  }
};

}  // namespace tfrnn
