// SIMD vectors of float and double on the GCC/Clang vector extensions, and the cells' Math<V> on
// them. Errors measured against float64/long double are in the comment of each function.
#pragma once

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <utility>

#include "csrc/cells/activation.h"
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

// A step of Transpose: swaps the lanes of a that have bit kDistance with those of b that lack it.
template <int kDistance, typename A, int... kLane>
TFRNN_INLINE void SwapLanes(Vec<A>& a, Vec<A>& b, std::integer_sequence<int, kLane...>) {
  constexpr int kCount = sizeof...(kLane);
  const Vec<A> first = a;
#if defined(__clang__)
  a = __builtin_shufflevector(first, b,
                              (kLane & kDistance ? kLane + kCount - kDistance : kLane)...);
  b = __builtin_shufflevector(first, b,
                              (kLane & kDistance ? kLane + kCount : kLane + kDistance)...);
#else
  using Bits = typename VectorOf<A>::bits;
  a = __builtin_shuffle(first, b,
                        Bits{(kLane & kDistance ? kLane + kCount - kDistance : kLane)...});
  b = __builtin_shuffle(first, b,
                        Bits{(kLane & kDistance ? kLane + kCount : kLane + kDistance)...});
#endif
}
// rows[i][j] and rows[j][i] change places.
template <typename A, int kDistance = 1>
TFRNN_INLINE void Transpose(Vec<A> (&rows)[kLanes<A>]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<A>; ++i) {
    if ((i & kDistance) == 0) {
      SwapLanes<kDistance, A>(rows[i], rows[i + kDistance],
                              std::make_integer_sequence<int, kLanes<A>>());
    }
  }
  if constexpr (2 * kDistance < kLanes<A>) Transpose<A, 2 * kDistance>(rows);
}

// Fetches kCount elements into the caches.
template <Index kCount, typename E>
TFRNN_INLINE void Prefetch(const E* from) {
  constexpr Index kLine = 64 / sizeof(E);
#pragma GCC unroll 8
  for (Index i = 0; i < kCount; i += kLine) __builtin_prefetch(from + i);
}

// a * b + c, rounded once where the instruction set can. Said here and never left to the compiler
// (-ffp-contract=off), which fuses one copy of a loop and not another: results would depend on
// how rows are grouped.
TFRNN_INLINE Vec<float> MulAdd(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
TFRNN_INLINE Vec<double> MulAdd(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}
// A polynomial by Horner's rule, the highest power first.
template <typename A, int n>
TFRNN_INLINE Vec<A> Polynomial(Vec<A> x, const A (&coefficients)[n]) {
  Vec<A> sum = Broadcast(coefficients[0]);
#pragma GCC unroll 16
  for (int i = 1; i < n; ++i) sum = MulAdd(sum, x, Broadcast(coefficients[i]));
  return sum;
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

// e^x, 1 ulp; infinity from 88.4 in float and 709.5 in double; below -87.7 zero in float, below
// -708 the value there in double. x = n ln 2 + r; adding 1.5 * 2^(mantissa bits) rounds n to an
// integer in the low bits.
TFRNN_INLINE Vec<float> Exp(Vec<float> x) {
  using V = Vec<float>;
  using I = VectorOf<float>::bits;
  // Minimax polynomial of Cephes' expf (S. Moshier).
  constexpr float kTail[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                             4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  const V magic = Broadcast(0x1.8p23f);
  x = Clamped(x, Broadcast(-88.0f), Broadcast(89.0f));
  const V shifted = MulAdd(x, Broadcast(1.44269504f), magic);
  const V n = shifted - magic;
  V r = MulAdd(n, Broadcast(-0.693359375f), x);  // ln 2 in two parts, the first exact in 9 bits
  r = MulAdd(n, Broadcast(2.12194440e-4f), r);
  const V e = MulAdd(Polynomial(r, kTail), r * r, r) + 1.0f;
  return e * (V)(((I)shifted - (I)magic + 127) << 23);
}
TFRNN_INLINE Vec<double> Exp(Vec<double> x) {
  using V = Vec<double>;
  using I = VectorOf<double>::bits;
  // Taylor to r^13: |r| <= 0.347 leaves 4e-18.
  constexpr double kTail[] = {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0,
                              1.0 / 3628800.0,    1.0 / 362880.0,    1.0 / 40320.0,
                              1.0 / 5040.0,       1.0 / 720.0,       1.0 / 120.0,
                              1.0 / 24.0,         1.0 / 6.0,         0.5};
  const V magic = Broadcast(0x1.8p52);
  x = Clamped(x, Broadcast(-708.0), Broadcast(710.0));
  const V shifted = MulAdd(x, Broadcast(1.4426950408889634), magic);
  const V n = shifted - magic;
  V r = MulAdd(n, Broadcast(-0x1.62e42fee00000p-1), x);
  r = MulAdd(n, Broadcast(-0x1.a39ef35793c76p-33), r);
  const V e = MulAdd(Polynomial(r, kTail), r * r, r) + 1.0;
  return e * (V)(((I)shifted - (I)magic + 1023) << 52);
}

// tanh in float: the odd rational minimax approximation of degrees 13 and 6 that Eigen uses
// (its coefficients), saturated where it reaches 1. The product comes last: a factor of a tiny x
// must not be subnormal. 5 ulp.
TFRNN_INLINE Vec<float> TanhVec(Vec<float> x) {
  using V = Vec<float>;
  constexpr float kP[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f,
                          5.12229709037114e-08f,  1.48572235717979e-05f, 6.37261928875436e-04f,
                          4.89352455891786e-03f};
  constexpr float kQ[] = {1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f,
                          4.89352518554385e-03f};
  const V limit = Broadcast(7.90531110763549805f);
  x = Clamped(x, -limit, limit);
  const V x2 = x * x;
  return x * (Polynomial(x2, kP) / Polynomial(x2, kQ));
}
// tanh in double: near zero Cephes' rational approximation (S. Moshier), else through Exp.
TFRNN_INLINE Vec<double> TanhVec(Vec<double> x) {
  using V = Vec<double>;
  constexpr double kP[] = {-9.64399179425052238628e-1, -9.92877231001918586564e1,
                           -1.61468768441708447952e3};
  constexpr double kQ[] = {1.0, 1.12811678491632931402e2, 2.23548839060100448583e3,
                           4.84406305325125486048e3};
  const V magnitude = x < 0.0 ? -x : x;
  const V x2 = x * x;
  const V small = MulAdd(x * x2, Polynomial(x2, kP) / Polynomial(x2, kQ), x);
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
  static TFRNN_CELL V Of(double x) { return A(x) - V{}; }
  static TFRNN_CELL V Exp(V x) { return cpu::TFRNN_ISA::Exp(x); }
  // The C library's, lane by lane: only activations that few use need them. Builtins, because
  // the overloads of <cmath> are functions that the linker would share among instruction sets.
  static TFRNN_CELL V Expm1(V x) {
    return Each(x,
                [](A a) { return sizeof(A) == 4 ? A(__builtin_expm1f(a)) : __builtin_expm1(a); });
  }
  static TFRNN_CELL V Log1p(V x) {
    return Each(x,
                [](A a) { return sizeof(A) == 4 ? A(__builtin_log1pf(a)) : __builtin_log1p(a); });
  }
  static TFRNN_CELL V Erf(V x) {
    return Each(x, [](A a) { return sizeof(A) == 4 ? A(__builtin_erff(a)) : __builtin_erf(a); });
  }

 private:
  template <typename Function>
  static TFRNN_INLINE V Each(V x, const Function& function) {
    for (int i = 0; i < cpu::TFRNN_ISA::kLanes<A>; ++i) x[i] = A(function(x[i]));
    return x;
  }
};
template <>
struct Math<cpu::TFRNN_ISA::Vec<float>> : VectorMath<cpu::TFRNN_ISA::Vec<float>, float> {};
template <>
struct Math<cpu::TFRNN_ISA::Vec<double>> : VectorMath<cpu::TFRNN_ISA::Vec<double>, double> {};

}  // namespace tfrnn
