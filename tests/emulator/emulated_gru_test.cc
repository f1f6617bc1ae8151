#include "tests/emulator/cases.h"

namespace tfrnn::cuda {

TEST_P(PersistentTest, BFloat16) { CheckLayer<Gru, BFloat16>(GetParam()); }
TEST_P(PersistentTest, Half) { CheckLayer<Gru, Half>(GetParam()); }
TEST_P(PersistentTest, Float) { CheckLayer<Gru, float>(GetParam()); }
TEST_P(PersistentTest, FloatByTf32) { CheckLayer<Gru, float>(InexactOf(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Gru, PersistentTest, testing::ValuesIn(PersistentCases()), NameOf);

TEST_P(StepwiseTest, BFloat16) { CheckLayer<Gru, BFloat16>(GetParam()); }
TEST_P(StepwiseTest, Half) { CheckLayer<Gru, Half>(GetParam()); }
TEST_P(StepwiseTest, Float) { CheckLayer<Gru, float>(GetParam()); }
TEST_P(StepwiseTest, Double) { CheckLayer<Gru, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Gru, StepwiseTest, testing::ValuesIn(StepwiseCases()), NameOf);

}  // namespace tfrnn::cuda
