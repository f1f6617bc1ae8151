#include "tests/emulator/cases.h"

namespace tfrnn::cuda {

TEST_P(PersistentTest, BFloat16) { CheckLayer<Lstm, BFloat16>(GetParam()); }
TEST_P(PersistentTest, Half) { CheckLayer<Lstm, Half>(GetParam()); }
TEST_P(PersistentTest, Float) { CheckLayer<Lstm, float>(GetParam()); }
TEST_P(PersistentTest, FloatByTf32) { CheckLayer<Lstm, float>(InexactOf(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Lstm, PersistentTest, testing::ValuesIn(PersistentCases()), NameOf);

TEST_P(StepwiseTest, BFloat16) { CheckLayer<Lstm, BFloat16>(GetParam()); }
TEST_P(StepwiseTest, Half) { CheckLayer<Lstm, Half>(GetParam()); }
TEST_P(StepwiseTest, Float) { CheckLayer<Lstm, float>(GetParam()); }
TEST_P(StepwiseTest, Double) { CheckLayer<Lstm, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Lstm, StepwiseTest, testing::ValuesIn(StepwiseCases()), NameOf);

}  // namespace tfrnn::cuda
