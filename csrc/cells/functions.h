// What a cell applies to its sums: the first argument of every cell function, `fn`.
//
//   Gate(x), Act(x)           recurrent_activation and activation of Keras
//   Keep(x, y)                what is saved of a gate whose sum is x and value y
//   GateOf(kept), ActOf(kept) the value back from what was saved
//   GateSlope(kept, y), ActSlope(kept, y)   the derivative there
//   Clip(c), ClipSlope(c)     the bound on a cell state, and whether c lies within
//   Vector(k)                 the unit's k-th weight that belongs to no product (peepholes, the
//                             recurrent weight of IndRNN), only if kHasVectors
//   Collect(k, d)             takes in the gradient of Vector(k)
#pragma once

#include "csrc/cells/activation.h"

namespace tfrnn {

constexpr int kMaxVectors = 3;

// tanh and sigmoid, whose derivative needs their value only: that is what is saved.
template <typename V>
struct Standard {
  using M = Math<V>;
  static constexpr bool kHasVectors = false, kClips = false;
  TFRNN_CELL V Gate(V x) const { return M::Sigmoid(x); }
  TFRNN_CELL V Act(V x) const { return M::Tanh(x); }
  TFRNN_CELL V Keep(V, V y) const { return y; }
  TFRNN_CELL V GateOf(V kept) const { return kept; }
  TFRNN_CELL V ActOf(V kept) const { return kept; }
  TFRNN_CELL V GateSlope(V, V y) const { return SigmoidGrad(y); }
  TFRNN_CELL V ActSlope(V, V y) const { return TanhGrad(y); }
};

// The same where 16 bits are saved of a value: of the sum, because a gate may be so close to 1 that
// they would not tell the two apart.
template <typename V>
struct StandardOfSums : Standard<V> {
  TFRNN_CELL V Keep(V x, V) const { return x; }
  TFRNN_CELL V GateOf(V kept) const { return this->Gate(kept); }
  TFRNN_CELL V ActOf(V kept) const { return this->Act(kept); }
};

// Whatever was chosen at run time; sums are saved.
template <typename V>
struct Chosen {
  using M = Math<V>;
  static constexpr bool kHasVectors = true, kClips = true;
  Activation activation = Activation::kTanh, recurrent_activation = Activation::kSigmoid;
  bool clips = false;
  V clip{};
  V vector[kMaxVectors] = {}, dvector[kMaxVectors] = {};

  TFRNN_CELL V Gate(V x) const { return Activated(recurrent_activation, x); }
  TFRNN_CELL V Act(V x) const { return Activated(activation, x); }
  TFRNN_CELL V Keep(V x, V) const { return x; }
  TFRNN_CELL V GateOf(V kept) const { return Gate(kept); }
  TFRNN_CELL V ActOf(V kept) const { return Act(kept); }
  TFRNN_CELL V GateSlope(V kept, V y) const {
    return ActivationSlope(recurrent_activation, kept, y);
  }
  TFRNN_CELL V ActSlope(V kept, V y) const { return ActivationSlope(activation, kept, y); }
  TFRNN_CELL V Clip(V c) const { return clips ? Clamped(c, -clip, clip) : c; }
  TFRNN_CELL V ClipSlope(V c) const {
    if (!clips) return M::One();
    return c < -clip ? M::Zero() : (c > clip ? M::Zero() : M::One());
  }
  TFRNN_CELL V Vector(int k) const { return vector[k]; }
  TFRNN_CELL void Collect(int k, V d) { dvector[k] = dvector[k] + d; }
};

}  // namespace tfrnn
