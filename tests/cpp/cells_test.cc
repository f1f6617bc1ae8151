// Backward of every cell is the finite difference of its Forward, in float64.
#include <gtest/gtest.h>

#include <random>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"

namespace tfrnn {
namespace {

// One unit with a recurrent weight of 1 per gate of phase 1: the driver's share of the maths.
template <typename Cell>
struct OneUnit {
  double sums[Cell::kSums], prev[Cell::kStates];

  void Forward(double (&next)[Cell::kStates], double (&saved)[Cell::kSaved]) const {
    double complete[Cell::kSums];
    for (int s = 0; s < Cell::kSums; ++s) complete[s] = sums[s];
    if constexpr (Cell::kPhases == 2) {
      Cell::Prepare(complete, prev, saved);
      for (int g = 0; g < Cell::kGates; ++g) {
        if (Cell::Phase(g) == 1) complete[Cell::RecurrentSum(g)] += saved[Cell::kOperand];
      }
    }
    Cell::Forward(complete, prev, next, saved);
  }

  // The gradient of sum(weight * next).
  void Backward(const double (&weight)[Cell::kStates], double (&dsums)[Cell::kSums],
                double (&dprev)[Cell::kStates]) const {
    double next[Cell::kStates], saved[Cell::kSaved];
    Forward(next, saved);
    next[0] = std::nan("");  // Backward must not read it
    Cell::Backward(saved, prev, next, weight, dsums, dprev);
    if constexpr (Cell::kPhases == 2) {
      double doperand = 0;
      for (int g = 0; g < Cell::kGates; ++g) {
        if (Cell::Phase(g) == 1) doperand += dsums[Cell::RecurrentSum(g)];
      }
      Cell::PrepareBackward(saved, prev, doperand, dsums, dprev);
    }
  }

  double Loss(const double (&weight)[Cell::kStates]) const {
    double next[Cell::kStates], saved[Cell::kSaved], loss = 0;
    Forward(next, saved);
    for (int s = 0; s < Cell::kStates; ++s) loss += weight[s] * next[s];
    return loss;
  }
};

template <typename Cell>
class CellTest : public testing::Test {};
using Cells = testing::Types<Lstm<double>, Gru<double>, GruResetBefore<double>, SimpleRnn<double>>;
TYPED_TEST_SUITE(CellTest, Cells);

TYPED_TEST(CellTest, BackwardIsTheDerivativeOfForward) {
  using Cell = TypeParam;
  constexpr double kStep = 1e-6, kTolerance = 1e-9;
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 100; ++round) {
    OneUnit<Cell> unit;
    double weight[Cell::kStates], dsums[Cell::kSums], dprev[Cell::kStates];
    for (double& x : unit.sums) x = normal(random);
    for (double& x : unit.prev) x = normal(random);
    for (double& x : weight) x = normal(random);
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
  }
}

}  // namespace
}  // namespace tfrnn
