// What the sanitizers and the mutation gate run: every policy, but each kernel for one cell and
// type only, since they have to be compiled anew for each of them.
#include "tests/emulator/cases.h"
#include "tests/emulator/general_cases.h"

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

}  // namespace tfrnn::cuda
