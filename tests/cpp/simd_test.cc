// Accuracy of the SIMD activations; built once per instruction set.
#include "csrc/cpu/simd.h"

#include <gtest/gtest.h>

#include <cmath>
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

long double Sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }

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
  // Beyond, e^-x is cut off at its bound.
  EXPECT_LE(Worst<A>(kFloat ? 80 : 700, M::Sigmoid, Sigmoid), 3);
  EXPECT_LE(Worst<A>(100, M::Tanh, [](long double x) { return std::tanh(x); }), kFloat ? 5 : 3);
}

TYPED_TEST(SimdTest, LimitsAndNan) {
  using A = TypeParam;
  using M = Math<Vec<A>>;
  const A infinity = std::numeric_limits<A>::infinity();
  EXPECT_EQ(M::Sigmoid(Broadcast(infinity))[0], A(1));
  EXPECT_NEAR(M::Sigmoid(Broadcast(-infinity))[0], A(0), A(1e-38));
  EXPECT_LE(Ulps(M::Tanh(Broadcast(infinity))[0], 1), 5);
  EXPECT_LE(Ulps(M::Tanh(Broadcast(-infinity))[0], -1), 5);
  const Vec<A> nan = Broadcast(std::numeric_limits<A>::quiet_NaN());
  EXPECT_TRUE(std::isnan(M::Sigmoid(nan)[0]));
  EXPECT_TRUE(std::isnan(M::Tanh(nan)[0]));
}

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
