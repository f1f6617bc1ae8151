// What the operands of products are held in, and how a tile multiplies them. E is the type of an
// element: the compute type, or with AVX-512-BF16 bfloat16, of which one instruction multiplies
// pairs and adds both products in float32, the odd one first, each rounded to nearest, subnormal
// numbers as zero. Pairs are neighbours along k, the axis of the sum, side by side in memory; an
// operand of odd depth is filled up with zeros, which change no sum.
#pragma once

#include <type_traits>

#include "csrc/cpu/simd.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <typename E>
struct Operand {
  static constexpr int kDepth = 1;  // neighbours along k that are multiplied at once
  using Scalar = E;                 // so many neighbours
  using Vector = Vec<E>;            // so many neighbours of each of some columns
  static TFRNN_INLINE Scalar LoadScalar(const E* from) { return *from; }
  static TFRNN_INLINE Vector Load(const E* from) { return LoadVec(from); }
  static TFRNN_INLINE Vector Spread(Scalar x) { return Broadcast(x); }
  static TFRNN_INLINE Vector MulAdd(Vector a, Vector b, Vector sum) {
    return TFRNN_ISA::MulAdd(a, b, sum);
  }
};

// What operands of products with stored values of type T are held in.
template <typename T>
struct OperandTypeOf {
  using type = ComputeType<T>;
};

#if defined(__AVX512BF16__)
template <>
struct OperandTypeOf<BFloat16> {
  using type = BFloat16;
};
template <>
struct Operand<BFloat16> {
  static constexpr int kDepth = 2;
  using Scalar = std::uint32_t;  // the even neighbour in the lower half
  using Vector = __m512bh;
  static TFRNN_INLINE Scalar LoadScalar(const BFloat16* from) {
    Scalar pair;
    __builtin_memcpy(&pair, from, sizeof(pair));
    return pair;
  }
  static TFRNN_INLINE Vector Load(const BFloat16* from) { return (Vector)_mm512_loadu_si512(from); }
  static TFRNN_INLINE Vector Spread(Scalar x) {
    return (Vector)_mm512_set1_epi32(static_cast<int>(x));
  }
  static TFRNN_INLINE Vec<float> MulAdd(Vector a, Vector b, Vec<float> sum) {
    return (Vec<float>)_mm512_dpbf16_ps((__m512)sum, a, b);
  }
};

// Vectors of float32 from and to bfloat16, and parts of them as in simd.h.
TFRNN_INLINE Vec<float> Widened(__m256i bits) {
  typedef std::uint16_t Narrow __attribute__((vector_size(32)));
  typedef std::uint32_t Wide __attribute__((vector_size(64)));
  return (Vec<float>)(__builtin_convertvector((Narrow)bits, Wide) << 16);
}
TFRNN_INLINE __m256i Narrowed(Vec<float> x) { return (__m256i)_mm512_cvtneps_pbh((__m512)x); }
TFRNN_INLINE __mmask16 FirstLanes(Index count) {
  return static_cast<__mmask16>((1u << Min(Max(count, 0), kLanes<float>)) - 1);
}
TFRNN_INLINE Vec<float> LoadVec(const BFloat16* from) {
  return Widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
TFRNN_INLINE void StoreVec(BFloat16* to, Vec<float> x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), Narrowed(x));
}
TFRNN_INLINE Vec<float> LoadPart(const BFloat16* from, Index count) {
  return Widened(_mm256_maskz_loadu_epi16(FirstLanes(count), from));
}
TFRNN_INLINE void StorePart(BFloat16* to, Vec<float> x, Index count) {
  _mm256_mask_storeu_epi16(to, FirstLanes(count), Narrowed(x));
}
#endif

template <typename T>
using OperandType = typename OperandTypeOf<T>::type;
template <typename E>
constexpr int kDepth = Operand<E>::kDepth;
template <typename E>
using Scalar = typename Operand<E>::Scalar;

// Whether operands of products, and what is kept for the gradient, have fewer bits than sums.
template <typename E>
constexpr bool kNarrow = !std::is_same_v<E, ComputeType<E>>;

// Multiplications along k of operands of that depth, and the depth that they fill.
template <typename E>
constexpr Index Products(Index depth) {
  return CeilDiv(depth, kDepth<E>);
}
template <typename E>
constexpr Index FullDepth(Index depth) {
  return Products<E>(depth) * kDepth<E>;
}

}  // namespace tfrnn::cpu::TFRNN_ISA
