#include "tests/emulator/cases.h"

namespace tfrnn::cuda {

TEST_P(StepwiseTest, BFloat16) { CheckLayer<GruResetBefore, BFloat16>(GetParam()); }
TEST_P(StepwiseTest, Half) { CheckLayer<GruResetBefore, Half>(GetParam()); }
TEST_P(StepwiseTest, Float) { CheckLayer<GruResetBefore, float>(GetParam()); }
TEST_P(StepwiseTest, Double) { CheckLayer<GruResetBefore, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(GruResetBefore, StepwiseTest, testing::ValuesIn(StepwiseCases()), NameOf);

}  // namespace tfrnn::cuda
