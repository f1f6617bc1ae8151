#include "tests/emulator/cases.h"

namespace tfrnn::cuda {

TEST_P(PersistentTest, BFloat16) { CheckLayer<SimpleRnn, BFloat16>(GetParam()); }
TEST_P(PersistentTest, Half) { CheckLayer<SimpleRnn, Half>(GetParam()); }
TEST_P(PersistentTest, Float) { CheckLayer<SimpleRnn, float>(GetParam()); }
TEST_P(PersistentTest, FloatByTf32) { CheckLayer<SimpleRnn, float>(InexactOf(GetParam())); }
INSTANTIATE_TEST_SUITE_P(SimpleRnn, PersistentTest, testing::ValuesIn(PersistentCases()), NameOf);

// With one tile in a job a warp holds more of the depth than the other tests have.
TEST(SimpleRnn, LongShares) {
  CheckLayer<SimpleRnn, float>({"grid", MakePlan(Policy::kGrid, 3, 1, 8, 4), 2, 3, 180});
}

TEST_P(StepwiseTest, BFloat16) { CheckLayer<SimpleRnn, BFloat16>(GetParam()); }
TEST_P(StepwiseTest, Half) { CheckLayer<SimpleRnn, Half>(GetParam()); }
TEST_P(StepwiseTest, Float) { CheckLayer<SimpleRnn, float>(GetParam()); }
TEST_P(StepwiseTest, Double) { CheckLayer<SimpleRnn, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(SimpleRnn, StepwiseTest, testing::ValuesIn(StepwiseCases()), NameOf);

}  // namespace tfrnn::cuda
