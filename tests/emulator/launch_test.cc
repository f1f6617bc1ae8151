// What launchers refuse, and how they say it.
#include "cuda/launch.h"

#include <gtest/gtest.h>

#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "cuda/geometry.h"
#include "cuda/runtime.cuh"
#include "tests/emulator/cases.h"

namespace tfrnn::cuda {
namespace {

class LaunchTest : public testing::Test {
 protected:
  void TearDown() override { emulated_device = {90, 132, 227 << 10}; }

  // What a forward call says; nothing may have been launched but the products.
  template <template <typename> class Cell, typename T>
  Error ForwardError(const Plan& plan, int batch = 4, int units = 40) {
    const Case c{"", plan, 2, batch, units};
    const Problem<T> p = ProblemOf<Cell>(c, false).template Rounded<T>();
    CallOptions options;
    options.blas = TestBlas();
    launch_count = 0;
    const Error error = RunLayer<Cell, T>(c, {p}, options).error;
    EXPECT_EQ(error.empty(), launch_count > 0);
    return error;
  }
};

#define EXPECT_SAYS(error, text)                                                  \
  do {                                                                            \
    const Error said = error;                                                     \
    EXPECT_NE(said.find(text), std::string::npos) << "it says: '" << said << "'"; \
  } while (false)

TEST_F(LaunchTest, RefusesPlansThatDoNotFitTheProblem) {
  constexpr Policy kGrid = Policy::kGrid, kCluster = Policy::kCluster;
  EXPECT_EQ((ForwardError<Lstm, float>(MakePlan(kGrid, 3, 1, 8, 2))), "");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 3, 1, 12, 2))),
              "tile_rows is 12; expected 8, 16 or 32");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 3, 1, 32, 16))),
              "warps is 16; expected 1 to 8");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 2, 1, 16, 2))),
              "units of a block is 32; expected at most 16");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 2, 1, 8, 1))),
              "units of a block is 32; expected at most 16");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 3, 1, 8, 2), 9)),
              "batch_slices is 1; expected as many as cover the batch");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(Policy::kOneBlock, 3, 1, 8, 2))),
              "unit_slices is 3; expected 1");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kCluster, 17, 1, 8, 2))),
              "unit_slices is 17; expected 2 to 16");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kCluster, 1, 1, 8, 8))),
              "unit_slices is 1; expected 2 to 16");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(kGrid, 1, 1, 8, 8))),
              "unit_slices is 1; expected 2 or more");
}

TEST_F(LaunchTest, RefusesPlansThatDoNotFitTheDevice) {
  emulated_device = {90, 2, 227 << 10};
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(Policy::kGrid, 3, 1, 8, 2))),
              "blocks is 3; expected one for each of 2 multiprocessors");
  emulated_device = {90, 132, 4 << 10};
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(Policy::kGrid, 3, 1, 8, 2))),
              "shared memory of a block is");
  emulated_device = {89, 132, 99 << 10};
  EXPECT_SAYS((ForwardError<Lstm, Half>(MakePlan(Policy::kCluster, 3, 1, 8, 2))),
              "compute capability * 10 is 89; expected 90 or more");
  emulated_device = {75, 40, 64 << 10};
  EXPECT_EQ((ForwardError<Lstm, Half>(MakePlan(Policy::kGrid, 3, 1, 8, 2))), "");
  EXPECT_SAYS((ForwardError<Lstm, float>(MakePlan(Policy::kGrid, 3, 1, 8, 2))),
              "compute capability 7.5, without matrix instructions for 32-bit elements");
}

TEST_F(LaunchTest, SaysWhichCellsAndTypesOnlyStep) {
  const Plan plan = MakePlan(Policy::kGrid, 3, 1, 8, 2);
  EXPECT_SAYS((ForwardError<Lstm, double>(plan)), "no persistent kernel");
  EXPECT_SAYS((ForwardError<GruResetBefore, float>(plan)), "no persistent kernel");
  EXPECT_EQ((ForwardError<Lstm, double>(Plan())), "");
}

TEST_F(LaunchTest, RefusesSizesBeyondItsIndices) {
  ForwardArgs<float> args;
  args.shape.time = std::int64_t{1} << 31;
  args.shape.batch = args.shape.input = args.shape.units = 1;
  EXPECT_SAYS((Layer<Lstm, float>::Forward(&args, 1, CallOptions(), Plan(), nullptr)),
              "time is 2147483648; expected at most 2^30");
}

TEST_F(LaunchTest, ReportsWhatBlasReports) {
  ForwardArgs<float> args;
  args.shape.time = args.shape.batch = args.shape.input = args.shape.units = 1;
  CallOptions options;
  options.blas.gemm = [](const Blas&, const Gemm&, Stream) -> Error { return "out of luck"; };
  EXPECT_EQ((Layer<Lstm, float>::Forward(&args, 1, options, Plan(), nullptr)), "out of luck");
}

}  // namespace
}  // namespace tfrnn::cuda
