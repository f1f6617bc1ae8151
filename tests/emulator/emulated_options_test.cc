// Options on the kernels that keep a unit's state with its thread, by every policy.
#include "tests/emulator/options_cases.h"

namespace tfrnn::cuda {

template <template <typename> class Cell, typename T>
void CheckOptions(const GeneralCase& c) {
  for (const Plan& plan : OptionPlans()) {
    if (std::int64_t{plan.batch_slices} * plan.tile_rows < c.batch) continue;
    CheckGeneralLayer<Cell, T>(c, false, plan);
  }
  CheckGeneralLayer<Cell, T>(c, false);
}
template <typename T>
void CheckCells(const GeneralCase& c) {
  if (sizeof(T) == 2 && !IsSmooth(c)) return;
  CheckOptions<Lstm, T>(c);
  CheckOptions<Gru, T>(c);
  CheckOptions<SimpleRnn, T>(c);
}
TEST_P(PlainOptionTest, Float) { CheckCells<float>(GetParam()); }
TEST_P(PlainOptionTest, Half) { CheckCells<Half>(GetParam()); }
TEST_P(PlainOptionTest, BFloat16) { CheckCells<BFloat16>(GetParam()); }
TEST_P(PlainOptionTest, Stepwise) {
  CheckGeneralLayer<Lstm, double>(GetParam(), false);
  CheckGeneralLayer<Gru, double>(GetParam(), false);
  CheckGeneralLayer<GruResetBefore, double>(GetParam(), false);
  CheckGeneralLayer<SimpleRnn, double>(GetParam(), false);
}
INSTANTIATE_TEST_SUITE_P(Options, PlainOptionTest, testing::ValuesIn(PlainOptionCases()),
                         NameOfGeneral);

class ActivationTest : public testing::TestWithParam<GeneralCase> {};
TEST_P(ActivationTest, Persistent) {
  const Plan plan = MakePlan(Policy::kCluster, 2, 1, 8, 2);
  CheckGeneralLayer<Lstm, float>(GetParam(), false, plan);
  CheckGeneralLayer<Gru, float>(GetParam(), false, plan);
  CheckGeneralLayer<SimpleRnn, float>(GetParam(), false, plan);
}
INSTANTIATE_TEST_SUITE_P(Options, ActivationTest, testing::ValuesIn(ActivationCases()),
                         NameOfGeneral);

TEST(Options, HaveSmallerTiles) {
  GeneralCase c;
  c.vectors = true;
  GeneralProblem<float> p = GeneralProblemOf<Lstm>(c, false).Rounded<float>();
  p.options.general = false;
  CallOptions options;
  options.blas = TestBlas();
  const Plan plan = MakePlan(Policy::kOneBlock, 1, 1, 32, 8);
  const Error error = RunGeneralLayer<Lstm, float>({p}, options, plan).error;
  EXPECT_NE(error.find("expected 8 or 16"), std::string::npos) << error;
}

}  // namespace tfrnn::cuda
