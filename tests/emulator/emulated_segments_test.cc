// Every cell and type segment by segment, by every policy.
#include "tests/emulator/segments_test.h"

namespace tfrnn::cuda {

template <typename T>
void CheckPolicies(const GeneralCase& c) {
  const Plan plans[] = {Plan(), MakePlan(Policy::kOneBlock, 1, 1, 8, 4),
                        MakePlan(Policy::kCluster, 2, 1, 8, 2),
                        MakePlan(Policy::kGrid, 2, 1, 16, 4)};
  for (const Plan& plan : plans) {
    CheckSegments<Lstm, T>(c, false, plan);
    CheckSegments<Gru, T>(c, false, plan);
    CheckSegments<SimpleRnn, T>(c, false, plan);
  }
}
TEST_P(SegmentsTest, Half) { CheckPolicies<Half>(GetParam()); }
TEST_P(SegmentsTest, BFloat16) { CheckPolicies<BFloat16>(GetParam()); }
TEST_P(SegmentsTest, Float) { CheckPolicies<float>(GetParam()); }
TEST_P(SegmentsTest, Double) {
  CheckSegments<Lstm, double>(GetParam(), false);
  CheckSegments<GruResetBefore, double>(GetParam(), false);
}
INSTANTIATE_TEST_SUITE_P(Segments, SegmentsTest, testing::ValuesIn(SegmentCases()), NameOfGeneral);

template <typename T>
void CheckGeneralSegments(const GeneralCase& c) {
  CheckSegments<Lstm, T>(c, true);
  CheckSegments<Gru, T>(c, true);
  CheckSegments<GruResetBefore, T>(c, true);
  CheckSegments<SimpleRnn, T>(c, true);
  CheckSegments<IndRnn, T>(c, true);
}
TEST_P(GeneralSegmentsTest, Double) { CheckGeneralSegments<double>(GetParam()); }
TEST_P(GeneralSegmentsTest, Float) { CheckGeneralSegments<float>(GetParam()); }
TEST_P(GeneralSegmentsTest, BFloat16) { CheckGeneralSegments<BFloat16>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Segments, GeneralSegmentsTest, testing::ValuesIn(GeneralSegmentCases()),
                         NameOfGeneral);

}  // namespace tfrnn::cuda
