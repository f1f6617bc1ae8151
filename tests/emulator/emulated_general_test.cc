// The kernels that take any option.
#include "tests/emulator/general_cases.h"

namespace tfrnn::cuda {

TEST_P(GeneralTest, Lstm) { CheckGeneralLayer<Lstm, double>(GetParam()); }
TEST_P(GeneralTest, Gru) { CheckGeneralLayer<Gru, double>(GetParam()); }
TEST_P(GeneralTest, GruResetBefore) { CheckGeneralLayer<GruResetBefore, double>(GetParam()); }
TEST_P(GeneralTest, SimpleRnn) { CheckGeneralLayer<SimpleRnn, double>(GetParam()); }
TEST_P(GeneralTest, IndRnn) { CheckGeneralLayer<IndRnn, double>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Single, GeneralTest, testing::ValuesIn(SingleCases()), NameOfGeneral);
INSTANTIATE_TEST_SUITE_P(Activation, GeneralTest, testing::ValuesIn(ActivationCases()),
                         NameOfGeneral);
INSTANTIATE_TEST_SUITE_P(Mixed, GeneralTest, testing::ValuesIn(MixedCases(24, false)),
                         NameOfGeneral);

template <typename T>
void CheckSmooth(const GeneralCase& c) {
  CheckGeneralLayer<Lstm, T>(c);
  CheckGeneralLayer<Gru, T>(c);
  CheckGeneralLayer<GruResetBefore, T>(c);
  CheckGeneralLayer<SimpleRnn, T>(c);
  CheckGeneralLayer<IndRnn, T>(c);
}
TEST_P(SmoothTest, Float) { CheckSmooth<float>(GetParam()); }
TEST_P(SmoothTest, Half) { CheckSmooth<Half>(GetParam()); }
TEST_P(SmoothTest, BFloat16) { CheckSmooth<BFloat16>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Smooth, SmoothTest, testing::ValuesIn(MixedCases(16, true)),
                         NameOfGeneral);

TEST(General, HasNoOtherPolicy) {
  GeneralCase c;
  c.vectors = true;
  const std::vector<GeneralProblem<float>> problems = {
      GeneralProblemOf<Lstm>(c, false).Rounded<float>()};
  CallOptions options;
  options.blas = TestBlas();
  Plan plan;
  plan.policy = Policy::kGrid;
  EXPECT_NE((RunGeneralLayer<Lstm>(problems, options, plan).error.find("the stepwise policy only")),
            std::string::npos);
}

}  // namespace tfrnn::cuda
