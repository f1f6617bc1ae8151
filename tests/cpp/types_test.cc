// The 16-bit types: every stored value survives a round trip, every float goes to a nearest one.
#include "csrc/core/types.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace tfrnn {
namespace {

template <typename T>
T FromBits(unsigned bits) {
  return T{static_cast<std::uint16_t>(bits)};
}

template <typename T>
class TypesTest : public testing::Test {};
using Types = testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(TypesTest, Types);

TYPED_TEST(TypesTest, EveryValueSurvives) {
  for (unsigned bits = 0; bits < 0x10000u; ++bits) {
    const float value = Load(FromBits<TypeParam>(bits));
    TypeParam back;
    Store(value, &back);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(Load(back)));
    } else {
      ASSERT_EQ(back.bits, bits) << value;
    }
  }
}

// Positive values are ordered as their bits, so the neighbours of a result are its bits +- 1.
TYPED_TEST(TypesTest, RoundsToNearestTiesToEven) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> exponent(-30.0f, 16.0f);
  std::uniform_real_distribution<float> mantissa(1.0f, 2.0f);
  for (int round = 0; round < 200000; ++round) {
    float x = std::ldexp(mantissa(random), static_cast<int>(exponent(random)));
    if (x > 65504.0f) continue;  // the largest half
    TypeParam stored;
    Store(x, &stored);
    if (round % 2 == 0) {  // exactly between two stored values
      const float next = Load(FromBits<TypeParam>(stored.bits + 1u));
      if (std::isinf(next)) continue;
      x = (Load(stored) + next) / 2;
      Store(x, &stored);
      ASSERT_EQ(stored.bits & 1, 0) << x;
    }
    const double error = std::abs(static_cast<double>(Load(stored)) - x);
    for (const int step : {-1, 1}) {
      if (stored.bits == 0 && step < 0) continue;
      const float other = Load(FromBits<TypeParam>(static_cast<unsigned>(stored.bits + step)));
      ASSERT_LE(error, std::abs(static_cast<double>(other) - x)) << x;
    }
    TypeParam negative;
    Store(-x, &negative);
    ASSERT_EQ(negative.bits, stored.bits | 0x8000u);
  }
}

TYPED_TEST(TypesTest, KeepsInfinityAndOverflowsToIt) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {infinity, std::numeric_limits<float>::max()}) {
    TypeParam stored;
    Store(x, &stored);
    EXPECT_EQ(Load(stored), infinity);
    Store(-x, &stored);
    EXPECT_EQ(Load(stored), -infinity);
  }
}

}  // namespace
}  // namespace tfrnn
