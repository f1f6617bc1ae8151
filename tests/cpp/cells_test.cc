// Backward of every cell is the finite difference of its Forward, in float64, with the standard
// activations and with every other.
#include <gtest/gtest.h>

#include <random>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"

namespace tfrnn {
namespace {

constexpr double kStep = 1e-6, kTolerance = 1e-8;

// One unit with a recurrent weight of 1 per gate of phase 1: the driver's share of the maths.
template <typename Cell, typename F>
struct OneUnit {
  F fn;
  double sums[Cell::kSums], prev[Cell::kStates];

  void Forward(double (&next)[Cell::kStates], double (&saved)[Cell::kSaved]) const {
    double complete[Cell::kSums];
    for (int s = 0; s < Cell::kSums; ++s) complete[s] = sums[s];
    if constexpr (Cell::kPhases == 2) {
      Cell::Prepare(fn, complete, prev, saved);
      for (int g = 0; g < Cell::kGates; ++g) {
        if (Cell::Phase(g) == 1) complete[Cell::RecurrentSum(g)] += saved[Cell::kOperand];
      }
    }
    Cell::Forward(fn, complete, prev, next, saved);
  }

  // The gradient of sum(weight * next); that of the vectors is collected in fn.
  void Backward(const double (&weight)[Cell::kStates], double (&dsums)[Cell::kSums],
                double (&dprev)[Cell::kStates]) {
    double next[Cell::kStates], saved[Cell::kSaved];
    Forward(next, saved);
    next[0] = std::nan("");  // Backward must not read it
    Cell::Backward(fn, saved, prev, next, weight, dsums, dprev);
    if constexpr (Cell::kPhases == 2) {
      double doperand = 0;
      for (int g = 0; g < Cell::kGates; ++g) {
        if (Cell::Phase(g) == 1) doperand += dsums[Cell::RecurrentSum(g)];
      }
      Cell::PrepareBackward(fn, saved, prev, doperand, dsums, dprev);
    }
  }

  double Loss(const double (&weight)[Cell::kStates]) const {
    double next[Cell::kStates], saved[Cell::kSaved], loss = 0;
    Forward(next, saved);
    for (int s = 0; s < Cell::kStates; ++s) loss += weight[s] * next[s];
    return loss;
  }
};

template <typename Cell, typename F>
void CheckDerivative(const F& fn, std::mt19937& random) {
  std::normal_distribution<double> normal;
  OneUnit<Cell, F> unit{fn, {}, {}};
  double weight[Cell::kStates], dsums[Cell::kSums], dprev[Cell::kStates];
  for (double& x : unit.sums) x = 2 * normal(random);
  for (double& x : unit.prev) x = normal(random);
  for (double& x : weight) x = normal(random);
  if constexpr (F::kHasVectors) {
    for (double& x : unit.fn.vector) x = normal(random);
  }
  unit.Backward(weight, dsums, dprev);
  const auto difference = [&](double& x) {
    const double middle = x;
    x = middle + kStep;
    const double above = unit.Loss(weight);
    x = middle - kStep;
    const double below = unit.Loss(weight);
    x = middle;
    return (above - below) / (2 * kStep);
  };
  for (int s = 0; s < Cell::kSums; ++s) {
    EXPECT_NEAR(dsums[s], difference(unit.sums[s]), kTolerance) << "sum " << s;
  }
  for (int s = 0; s < Cell::kStates; ++s) {
    EXPECT_NEAR(dprev[s], difference(unit.prev[s]), kTolerance) << "state " << s;
  }
  if constexpr (F::kHasVectors) {
    for (int k = 0; k < Cell::kVectors; ++k) {
      EXPECT_NEAR(unit.fn.dvector[k], difference(unit.fn.vector[k]), kTolerance) << "vector " << k;
    }
  }
}

template <typename Cell>
class CellTest : public testing::Test {};
using Cells = testing::Types<Lstm<double>, Gru<double>, GruResetBefore<double>, SimpleRnn<double>,
                             IndRnn<double>>;
TYPED_TEST_SUITE(CellTest, Cells);

TYPED_TEST(CellTest, BackwardIsTheDerivativeOfForward) {
  if constexpr (TypeParam::kRecurrent) {
    std::mt19937 random(1);
    for (int round = 0; round < 100; ++round) {
      CheckDerivative<TypeParam>(Standard<double>(), random);
    }
  }
}

TYPED_TEST(CellTest, SoItIsWithAnyActivation) {
  std::mt19937 random(2);
  for (int i = 0; i <= static_cast<int>(Activation::kGelu); ++i) {
    for (int round = 0; round < 30; ++round) {
      Chosen<double> fn;
      fn.activation = static_cast<Activation>(i);
      fn.recurrent_activation = static_cast<Activation>((i * 5 + round) % 12);
      fn.clips = round % 2 == 0;
      fn.clip = 0.7;
      SCOPED_TRACE(i);
      CheckDerivative<TypeParam>(fn, random);
    }
  }
}

TEST(Activation, HasItsValuesAndKeepsNan) {
  const auto value = [](Activation kind, double x) { return Activated(kind, x); };
  EXPECT_EQ(value(Activation::kHardSigmoid, -3), 0);
  EXPECT_EQ(value(Activation::kHardSigmoid, 0), 0.5);
  EXPECT_EQ(value(Activation::kRelu, -1), 0);
  EXPECT_EQ(value(Activation::kRelu6, 7), 6);
  EXPECT_DOUBLE_EQ(value(Activation::kElu, -1), std::exp(-1.0) - 1);
  EXPECT_DOUBLE_EQ(value(Activation::kSelu, 1), 1.0507009873554804934);
  EXPECT_DOUBLE_EQ(value(Activation::kSoftplus, 0), std::log(2.0));
  EXPECT_DOUBLE_EQ(value(Activation::kSoftplus, 800), 800);
  EXPECT_EQ(value(Activation::kSoftsign, -1), -0.5);
  EXPECT_DOUBLE_EQ(value(Activation::kSilu, 1), 1 / (1 + std::exp(-1.0)));
  EXPECT_NEAR(value(Activation::kGelu, 1), 0.8413447460685429, 1e-15);
  for (int i = 0; i <= static_cast<int>(Activation::kGelu); ++i) {
    EXPECT_TRUE(std::isnan(value(static_cast<Activation>(i), std::nan("")))) << i;
  }
}

}  // namespace
}  // namespace tfrnn
