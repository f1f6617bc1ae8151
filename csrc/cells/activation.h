// The activations a cell may apply, by their names in Keras 3, with their derivatives.
#pragma once

#include "csrc/cells/cell.h"

namespace tfrnn {

enum class Activation : unsigned char {
  kTanh,
  kSigmoid,
  kHardSigmoid,  // relu6(x + 3) / 6
  kRelu,
  kRelu6,
  kElu,  // alpha 1
  kSelu,
  kSoftplus,
  kSoftsign,
  kLinear,
  kSilu,
  kGelu,  // exact, by erf
};
constexpr const char* kActivationNames[] = {"tanh",     "sigmoid", "hard_sigmoid", "relu",
                                            "relu6",    "elu",     "selu",         "softplus",
                                            "softsign", "linear",  "silu",         "gelu"};

// selu: Klambauer et al. 2017 (arXiv:1706.02515).
constexpr double kSeluScale = 1.0507009873554804934, kSeluAlpha = 1.6732632423543772848;

// A comparison with NaN is false everywhere below, and NaN stays.
template <typename V>
TFRNN_CELL V Clamped(V x, V low, V high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

template <typename V>
TFRNN_CELL V Activated(Activation kind, V x) {
  using M = Math<V>;
  const V zero = M::Zero(), one = M::One();
  switch (kind) {
    case Activation::kTanh:
      return M::Tanh(x);
    case Activation::kSigmoid:
      return M::Sigmoid(x);
    case Activation::kHardSigmoid:
      return Clamped(x + M::Of(3), zero, M::Of(6)) * M::Of(1.0 / 6);
    case Activation::kRelu:
      return x < zero ? zero : x;
    case Activation::kRelu6:
      return Clamped(x, zero, M::Of(6));
    case Activation::kElu:
      return x < zero ? M::Expm1(x) : x;
    case Activation::kSelu:
      return (x < zero ? M::Expm1(x) * M::Of(kSeluAlpha) : x) * M::Of(kSeluScale);
    case Activation::kSoftplus:
      return (x < zero ? zero : x) + M::Log1p(M::Exp(x < zero ? x : -x));
    case Activation::kSoftsign:
      return x / (one + (x < zero ? -x : x));
    case Activation::kLinear:
      break;
    case Activation::kSilu:
      return x * M::Sigmoid(x);
    case Activation::kGelu:
      return M::Of(0.5) * x * (one + M::Erf(x * M::Of(0.70710678118654752440)));
  }
  return x;
}

// The derivative at x, where the activation is y.
template <typename V>
TFRNN_CELL V ActivationSlope(Activation kind, V x, V y) {
  using M = Math<V>;
  const V zero = M::Zero(), one = M::One();
  switch (kind) {
    case Activation::kTanh:
      return TanhGrad(y);
    case Activation::kSigmoid:
      return SigmoidGrad(y);
    case Activation::kHardSigmoid:
      return x > M::Of(-3) ? (x < M::Of(3) ? M::Of(1.0 / 6) : zero) : zero;
    case Activation::kRelu:
      return x > zero ? one : zero;
    case Activation::kRelu6:
      return x > zero ? (x < M::Of(6) ? one : zero) : zero;
    case Activation::kElu:
      return x < zero ? y + one : one;
    case Activation::kSelu:
      return x < zero ? y + M::Of(kSeluScale * kSeluAlpha) : M::Of(kSeluScale);
    case Activation::kSoftplus:
      return M::Sigmoid(x);
    case Activation::kSoftsign: {
      const V d = one + (x < zero ? -x : x);
      return one / (d * d);
    }
    case Activation::kLinear:
      break;
    case Activation::kSilu: {
      const V s = M::Sigmoid(x);
      return s + y * (one - s);
    }
    case Activation::kGelu: {
      const V density = M::Exp(M::Of(-0.5) * x * x) * M::Of(0.39894228040143267794);
      const V cumulated = M::Of(0.5) * (one + M::Erf(x * M::Of(0.70710678118654752440)));
      return cumulated + x * density;
    }
  }
  return one;
}

}  // namespace tfrnn
