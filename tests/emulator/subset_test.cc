// What the sanitizers and the mutation gate run: every policy, but each kernel for one cell and
// type only, since they have to be compiled anew for each of them.
#include "tests/emulator/cases.h"
#include "tests/emulator/general_cases.h"
#include "tests/emulator/options_cases.h"
#include "tests/emulator/segments_test.h"

namespace tfrnn::cuda {

TEST_P(PersistentTest, Lstm) { CheckLayer<Lstm, BFloat16>(GetParam()); }
TEST_P(PersistentTest, Gru) { CheckLayer<Gru, float>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Subset, PersistentTest, testing::ValuesIn(PersistentCases()), NameOf);

TEST_P(StepwiseTest, GruResetBefore) { CheckLayer<GruResetBefore, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Subset, StepwiseTest, testing::ValuesIn(StepwiseCases()), NameOf);

TEST_P(GeneralTest, Lstm) { CheckGeneralLayer<Lstm, double>(GetParam()); }
TEST_P(GeneralTest, Gru) { CheckGeneralLayer<Gru, float>(GetParam()); }
TEST_P(GeneralTest, GruResetBefore) { CheckGeneralLayer<GruResetBefore, double>(GetParam()); }
TEST_P(GeneralTest, IndRnn) { CheckGeneralLayer<IndRnn, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Single, GeneralTest, testing::ValuesIn(SingleCases()), NameOfGeneral);
INSTANTIATE_TEST_SUITE_P(Mixed, GeneralTest, testing::ValuesIn(MixedCases(12, false)),
                         NameOfGeneral);

TEST_P(PlainOptionTest, Lstm) {
  if (IsSmooth(GetParam())) CheckGeneralLayer<Lstm, BFloat16>(GetParam(), false, OptionPlans()[1]);
  CheckGeneralLayer<Lstm, double>(GetParam(), false);
}
TEST_P(PlainOptionTest, Gru) {
  CheckGeneralLayer<Gru, float>(GetParam(), false, OptionPlans()[2]);
  CheckGeneralLayer<GruResetBefore, double>(GetParam(), false);
}
INSTANTIATE_TEST_SUITE_P(Options, PlainOptionTest, testing::ValuesIn(PlainOptionCases()),
                         NameOfGeneral);

TEST_P(SegmentsTest, Stepwise) {
  CheckSegments<Lstm, BFloat16>(GetParam(), false);
  CheckSegments<GruResetBefore, double>(GetParam(), false);
}
TEST_P(SegmentsTest, Persistent) {
  CheckSegments<Lstm, BFloat16>(GetParam(), false, MakePlan(Policy::kCluster, 2, 1, 8, 2));
  CheckSegments<Gru, float>(GetParam(), false, MakePlan(Policy::kGrid, 2, 1, 8, 2));
}
TEST_P(GeneralSegmentsTest, Lstm) { CheckSegments<Lstm, double>(GetParam(), true); }
TEST_P(GeneralSegmentsTest, GruResetBefore) {
  CheckSegments<GruResetBefore, double>(GetParam(), true);
}
TEST_P(GeneralSegmentsTest, IndRnn) { CheckSegments<IndRnn, double>(GetParam(), true); }
INSTANTIATE_TEST_SUITE_P(Segments, SegmentsTest, testing::ValuesIn(SegmentCases()), NameOfGeneral);
INSTANTIATE_TEST_SUITE_P(Segments, GeneralSegmentsTest, testing::ValuesIn(GeneralSegmentCases()),
                         NameOfGeneral);

}  // namespace tfrnn::cuda
