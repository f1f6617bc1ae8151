// SIMD vectors of float and double on the GCC/Clang vector extensions, and the cells' Math<V> on
// them. Errors measured against float64/long double are in the comment of each function.
#pragma once

#include "csrc/cells/cell.h"
#include "csrc/cpu/isa.h"

namespace tfrnn::cpu::TFRNN_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kTileRows = 6;  // 6 x 4 accumulators, 4 weights, 1 broadcast in 32 registers
constexpr bool kHoldWeights = true;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kTileRows = 3;  // 3 x 4 accumulators, 3 broadcasts, 1 weight in 16 registers
constexpr bool kHoldWeights = false;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 6;
constexpr bool kHoldWeights = true;
#else
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 3;
constexpr bool kHoldWeights = false;
#endif

template <typename A>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
  typedef float unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef std::int32_t bits __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
  typedef double unaligned __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef std::int64_t bits __attribute__((vector_size(kVectorBytes)));
};
template <typename A>
using Vec = typename VectorOf<A>::type;
template <typename A>
constexpr int kLanes = kVectorBytes / sizeof(A);

template <typename A>
TFRNN_INLINE Vec<A> Broadcast(A x) {
  return x - Vec<A>{};
}
template <typename A>
TFRNN_INLINE Vec<A> LoadVec(const A* from) {
  return *reinterpret_cast<const typename VectorOf<A>::unaligned*>(from);
}
template <typename A>
TFRNN_INLINE void StoreVec(A* to, Vec<A> x) {
  *reinterpret_cast<typename VectorOf<A>::unaligned*>(to) = x;
}

// The first `count` lanes (none if count <= 0); the others read as zero and are not written.
template <typename A>
TFRNN_INLINE Vec<A> LoadPart(const A* from, Index count) {
  if (count >= kLanes<A>) return LoadVec(from);
  Vec<A> x{};
  for (Index i = 0; i < count; ++i) x[i] = from[i];
  return x;
}
template <typename A>
TFRNN_INLINE void StorePart(A* to, Vec<A> x, Index count) {
  if (count >= kLanes<A>) return StoreVec(to, x);
  for (Index i = 0; i < count; ++i) to[i] = x[i];
}

// Comparisons with NaN are false: NaN stays.
template <typename V>
TFRNN_INLINE V Clamp(V x, V low, V high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

// e^x for |x| <= 88 in float, 708 in double; outside, the value at the bound. 1 ulp.
// x = n ln 2 + r; adding 1.5 * 2^(mantissa bits) rounds n to an integer in the low bits.
TFRNN_INLINE Vec<float> Exp(Vec<float> x) {
  using V = Vec<float>;
  using I = VectorOf<float>::bits;
  const V limit = Broadcast(88.0f), magic = Broadcast(0x1.8p23f);
  x = Clamp(x, -limit, limit);
  const V shifted = x * 1.44269504f + magic;
  const V n = shifted - magic;
  V r = x - n * 0.693359375f;  // ln 2 in two parts, the first exact in 9 bits
  r = r + n * 2.12194440e-4f;
  // Minimax polynomial of Cephes' expf (S. Moshier).
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const V e = p * (r * r) + r + 1.0f;
  return e * (V)(((I)shifted - (I)magic + 127) << 23);
}
TFRNN_INLINE Vec<double> Exp(Vec<double> x) {
  using V = Vec<double>;
  using I = VectorOf<double>::bits;
  const V limit = Broadcast(708.0), magic = Broadcast(0x1.8p52);
  x = Clamp(x, -limit, limit);
  const V shifted = x * 1.4426950408889634 + magic;
  const V n = shifted - magic;
  V r = x - n * 0x1.62e42fee00000p-1;
  r = r - n * 0x1.a39ef35793c76p-33;
  // Taylor to r^13: |r| <= 0.347 leaves 4e-18.
  V p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  const V e = p * (r * r) + r + 1.0;
  return e * (V)(((I)shifted - (I)magic + 1023) << 52);
}

// tanh in float: the odd rational minimax approximation of degrees 13 and 6 that Eigen uses
// (its coefficients), saturated where it reaches 1. 5 ulp.
TFRNN_INLINE Vec<float> TanhVec(Vec<float> x) {
  using V = Vec<float>;
  const V limit = Broadcast(7.90531110763549805f);
  x = Clamp(x, -limit, limit);
  const V x2 = x * x;
  V p = x2 * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = p * x2 - 8.60467152213735e-11f;
  p = p * x2 + 5.12229709037114e-08f;
  p = p * x2 + 1.48572235717979e-05f;
  p = p * x2 + 6.37261928875436e-04f;
  p = p * x2 + 4.89352455891786e-03f;
  V q = x2 * 1.19825839466702e-06f + 1.18534705686654e-04f;
  q = q * x2 + 2.26843463243900e-03f;
  q = q * x2 + 4.89352518554385e-03f;
  return x * p / q;
}
// tanh in double: near zero Cephes' rational approximation (S. Moshier), else through Exp.
TFRNN_INLINE Vec<double> TanhVec(Vec<double> x) {
  using V = Vec<double>;
  const V magnitude = x < 0.0 ? -x : x;
  const V x2 = x * x;
  V p = x2 * -9.64399179425052238628e-1 - 9.92877231001918586564e1;
  p = p * x2 - 1.61468768441708447952e3;
  V q = x2 + 1.12811678491632931402e2;
  q = q * x2 + 2.23548839060100448583e3;
  q = q * x2 + 4.84406305325125486048e3;
  const V small = x + x * x2 * (p / q);
  const V e = Exp(magnitude * -2.0);
  const V large = (1.0 - e) / (1.0 + e);
  return magnitude < 0.625 ? small : (x < 0.0 ? -large : large);
}

}  // namespace tfrnn::cpu::TFRNN_ISA

namespace tfrnn {

template <typename V, typename A>
struct VectorMath {
  static TFRNN_CELL V Zero() { return V{}; }
  static TFRNN_CELL V One() { return A(1) - V{}; }
  static TFRNN_CELL V Sigmoid(V x) { return A(1) / (A(1) + cpu::TFRNN_ISA::Exp(-x)); }
  static TFRNN_CELL V Tanh(V x) { return cpu::TFRNN_ISA::TanhVec(x); }
};
template <>
struct Math<cpu::TFRNN_ISA::Vec<float>> : VectorMath<cpu::TFRNN_ISA::Vec<float>, float> {};
template <>
struct Math<cpu::TFRNN_ISA::Vec<double>> : VectorMath<cpu::TFRNN_ISA::Vec<double>, double> {};

}  // namespace tfrnn
