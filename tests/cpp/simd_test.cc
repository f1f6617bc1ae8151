// Accuracy of the SIMD activations; built once per instruction set.
#include "csrc/cpu/simd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace tfrnn::cpu::TFRNN_ISA {
namespace {

bool Runs() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

template <typename A>
A Sigmoid(A x) {
  return 1 / (1 + std::exp(-x));
}

// Distance in units of the last place of the result.
template <typename A>
double Ulps(A got, long double want) {
  const A rounded = static_cast<A>(want);
  const A next = std::nextafter(std::abs(rounded), std::numeric_limits<A>::infinity());
  return static_cast<double>(std::abs(got - want) / (next - std::abs(rounded)));
}

// The worst error over a dense grid in [-limit, limit] that includes tiny values.
template <typename A, typename Function, typename Exact>
double Worst(A limit, Function function, Exact exact) {
  double worst = 0;
  const auto check = [&](A x) {
    Vec<A> lanes = Broadcast(A(0));
    lanes[0] = x;
    const A got = function(lanes)[0];
    worst = std::max(worst, Ulps(got, exact(static_cast<long double>(x))));
  };
  for (int i = -100000; i <= 100000; ++i) check(limit * A(i) / 100000);
  for (A x = limit; x > A(1e-30); x *= A(0.99)) check(x), check(-x);
  return worst;
}

template <typename A>
class SimdTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Runs()) GTEST_SKIP() << "not on this machine";
  }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SimdTest, Types);

TYPED_TEST(SimdTest, Accuracy) {
  using A = TypeParam;
  using M = Math<Vec<A>>;
  constexpr bool kFloat = sizeof(A) == 4;
  const auto exp = [](Vec<A> x) { return Exp(x); };
  EXPECT_LE(Worst<A>(kFloat ? 80 : 700, exp, [](long double x) { return std::exp(x); }), 2);
  EXPECT_LE(Worst<A>(kFloat ? 80 : 700, M::Sigmoid, Sigmoid<long double>), 3);
  EXPECT_LE(Worst<A>(100, M::Tanh, [](long double x) { return std::tanh(x); }), kFloat ? 5 : 3);
}

TYPED_TEST(SimdTest, LimitsAndNan) {
  using A = TypeParam;
  using M = Math<Vec<A>>;
  const A infinity = std::numeric_limits<A>::infinity();
  EXPECT_EQ(M::Sigmoid(Broadcast(infinity))[0], A(1));
  EXPECT_EQ(M::Sigmoid(Broadcast(-infinity))[0], A(0));
  EXPECT_LE(Ulps(M::Tanh(Broadcast(infinity))[0], 1), 5);
  EXPECT_LE(Ulps(M::Tanh(Broadcast(-infinity))[0], -1), 5);
  const Vec<A> nan = Broadcast(std::numeric_limits<A>::quiet_NaN());
  EXPECT_TRUE(std::isnan(M::Sigmoid(nan)[0]));
  EXPECT_TRUE(std::isnan(M::Tanh(nan)[0]));
}

// The worst errors of sigmoid and tanh, in units of the last place, over every `stride`-th of the
// 2^32 floats. Results below the least normal number count as zero: TensorFlow's threads make them
// zero anyway.
struct FloatErrors {
  double sigmoid = 0, tanh = 0;
};
FloatErrors WorstOfFloats(std::int64_t stride) {
  using M = Math<Vec<float>>;
  FloatErrors worst;
  const auto error = [](float got, double want) {
    constexpr float kLeast = std::numeric_limits<float>::min();
    if (std::isnan(want)) return std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
    if (std::abs(got) < kLeast && std::abs(want) < kLeast) return 0.0;
    const double exponent = std::max(std::ilogb(static_cast<float>(want)), -126);
    return std::abs(got - want) / std::exp2(exponent - 23);
  };
  for (std::int64_t first = 0; first < std::int64_t{1} << 32; first += stride * kLanes<float>) {
    Vec<float> x{};
    for (int i = 0; i < kLanes<float>; ++i) {
      const auto bits = static_cast<std::uint32_t>(first + i * stride);
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      x[i] = value;
    }
    const Vec<float> sigmoid = M::Sigmoid(x), tanh = M::Tanh(x);
    for (int i = 0; i < kLanes<float>; ++i) {
      const double exact = x[i];
      worst.sigmoid = std::max(worst.sigmoid, error(sigmoid[i], Sigmoid(exact)));
      worst.tanh = std::max(worst.tanh, error(tanh[i], std::tanh(exact)));
    }
  }
  return worst;
}
void CheckFloats(std::int64_t stride) {
  if (!Runs()) GTEST_SKIP() << "not on this machine";
  const FloatErrors worst = WorstOfFloats(stride);
  EXPECT_LE(worst.sigmoid, 3);
  EXPECT_LE(worst.tanh, 5);
  testing::Test::RecordProperty("sigmoid_ulp", std::to_string(worst.sigmoid));
  testing::Test::RecordProperty("tanh_ulp", std::to_string(worst.tanh));
  std::printf("sigmoid %.3f ulp, tanh %.3f ulp\n", worst.sigmoid, worst.tanh);
}
TEST(SimdFloat, SampledAccuracy) { CheckFloats(4099); }
// Minutes: `make test-slow`.
TEST(SimdFloat, DISABLED_ExhaustiveAccuracy) { CheckFloats(1); }

TYPED_TEST(SimdTest, PartialLoadsAndStoresTouchNothingElse) {
  using A = TypeParam;
  A memory[kLanes<A>];
  for (int count = 0; count <= kLanes<A>; ++count) {
    for (A& x : memory) x = 7;
    StorePart(memory, Broadcast(A(3)), count);
    const Vec<A> back = LoadPart(memory, count);
    for (int i = 0; i < kLanes<A>; ++i) {
      EXPECT_EQ(memory[i], i < count ? A(3) : A(7));
      EXPECT_EQ(back[i], i < count ? A(3) : A(0));
    }
  }
}

}  // namespace
}  // namespace tfrnn::cpu::TFRNN_ISA
