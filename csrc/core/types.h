// 16-bit storage types and the type each storage type is computed in. Plain C++ so that neither
// Eigen nor a compiler's own half type is needed; bit-compatible with both.
#pragma once

#include <cstdint>
#include <cstring>

namespace tfrnn {

#define TFRNN_INLINE inline __attribute__((always_inline))

struct Half {  // IEEE 754 binary16
  std::uint16_t bits;
};
struct BFloat16 {  // the upper half of an IEEE 754 binary32
  std::uint16_t bits;
};

// What arithmetic on stored values of type T is done in.
template <typename T>
struct ComputeTypeOf {
  using type = T;
};
template <>
struct ComputeTypeOf<Half> {
  using type = float;
};
template <>
struct ComputeTypeOf<BFloat16> {
  using type = float;
};
template <typename T>
using ComputeType = typename ComputeTypeOf<T>::type;

namespace internal {
template <typename To, typename From>
TFRNN_INLINE To BitCast(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}
}  // namespace internal

// Stored value to compute type: exact.
TFRNN_INLINE float Load(float x) { return x; }
TFRNN_INLINE double Load(double x) { return x; }
TFRNN_INLINE float Load(BFloat16 x) {
  return internal::BitCast<float>(std::uint32_t{x.bits} << 16);
}
TFRNN_INLINE float Load(Half x) {
  const std::uint32_t sign = std::uint32_t{x.bits & 0x8000u} << 16;
  const std::uint32_t magnitude = std::uint32_t{x.bits & 0x7fffu} << 13;
  // Rebias the exponent from 15 to 127. No step meets a subnormal float: TensorFlow's threads
  // flush those to zero.
  float value;
  if (magnitude >= 0x7c00u << 13) {  // infinity and NaN
    value = internal::BitCast<float>(magnitude | 0x7f800000u);
  } else if (magnitude < 0x0400u << 13) {  // subnormal: 2^-14 (1 + m / 1024) - 2^-14
    value = internal::BitCast<float>(magnitude + (113u << 23)) - 0x1p-14f;
  } else {
    value = internal::BitCast<float>(magnitude + (112u << 23));
  }
  return internal::BitCast<float>(internal::BitCast<std::uint32_t>(value) | sign);
}

// Compute type to stored value: to nearest, ties to even; NaN stays NaN, overflow is infinity.
TFRNN_INLINE void Store(float x, float* to) { *to = x; }
TFRNN_INLINE void Store(double x, double* to) { *to = x; }
TFRNN_INLINE void Store(float x, BFloat16* to) {
  const std::uint32_t bits = internal::BitCast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t nan = (bits >> 16) | 0x40u;
  to->bits = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}
TFRNN_INLINE void Store(float x, Half* to) {
  const std::uint32_t bits = internal::BitCast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half;
  if (magnitude >= 0x47800000u) {  // 2^16 and up
    half = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 rounds at the subnormal's bit
    half =
        internal::BitCast<std::uint32_t>(internal::BitCast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {  // rebias, round the 13 bits that go
    half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  to->bits = static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000u));
}

}  // namespace tfrnn
