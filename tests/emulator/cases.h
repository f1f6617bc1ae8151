// Small layers that between them visit every way a plan can share out the work. ThreadSanitizer
// follows 8128 threads: no launch of a layer's products may have more.
#pragma once

#include "tests/emulator/layer_test.h"

namespace tfrnn::cuda {

inline Plan MakePlan(Policy policy, int unit_slices, int batch_slices, int tile_rows, int warps) {
  Plan plan;
  plan.policy = policy, plan.unit_slices = unit_slices, plan.batch_slices = batch_slices;
  plan.tile_rows = tile_rows, plan.warps = warps;
  return plan;
}

inline std::vector<Case> PersistentCases() {
  constexpr Policy kOne = Policy::kOneBlock, kCluster = Policy::kCluster, kGrid = Policy::kGrid;
  std::vector<Case> cases;
  const auto add = [&](Case c) -> Case& { return cases.emplace_back(std::move(c)); };
  add({"one_block", MakePlan(kOne, 1, 1, 8, 2), 4, 5, 13});
  add({"one_block_depth_split_in_4", MakePlan(kOne, 1, 1, 8, 8), 3, 3, 32}).masked = true;
  add({"one_block_two_tiles", MakePlan(kOne, 1, 2, 16, 4), 3, 19, 21}).backwards = true;
  add({"one_block_four_tiles", MakePlan(kOne, 1, 1, 32, 4), 3, 27, 17}).time_major = true;
  add({"cluster_of_2", MakePlan(kCluster, 2, 1, 8, 2), 5, 7, 31}).masked = true;
  add({"cluster_of_3_two_slices", MakePlan(kCluster, 3, 2, 8, 4), 4, 11, 41}).dropout = true;
  add({"cluster_of_2_two_tiles", MakePlan(kCluster, 2, 1, 16, 4), 4, 13, 50}).zero_output = true;
  add({"cluster_of_2_four_tiles", MakePlan(kCluster, 2, 1, 32, 4), 3, 20, 30});
  add({"grid_of_2", MakePlan(kGrid, 2, 1, 8, 2), 5, 6, 29}).masked = true;
  add({"grid_of_3_two_slices", MakePlan(kGrid, 3, 2, 8, 4), 4, 9, 44}).dropout = true;
  add({"grid_of_2_two_tiles", MakePlan(kGrid, 2, 1, 16, 4), 4, 16, 32}).backwards = true;
  add({"grid_of_2_four_tiles", MakePlan(kGrid, 2, 1, 32, 4), 3, 29, 30});
  add({"one_block_ended", MakePlan(kOne, 1, 3, 8, 4), 6, 20, 13}).ended = true;
  add({"cluster_of_2_ended", MakePlan(kCluster, 2, 2, 8, 2), 6, 10, 20}).ended = true;
  add({"grid_of_2_ended", MakePlan(kGrid, 2, 2, 8, 2), 6, 9, 30}).ended = true;
  cases.back().dropout = true;
  add({"cluster_of_2_ended_four_tiles", MakePlan(kCluster, 2, 1, 32, 4), 5, 20, 26}).ended = true;
  cases.back().zero_output = cases.back().backwards = true;
  // Shares of the depth that registers do not hold all of, jobs that they hold nothing of, and
  // warps that have none.
  add({"cluster_of_2_long_shares", MakePlan(kCluster, 2, 1, 8, 4), 3, 5, 120});
  add({"cluster_of_2_two_tiles_long_shares", MakePlan(kCluster, 2, 1, 16, 6), 3, 9, 90});
  add({"grid_of_5_more_jobs_than_warps", MakePlan(kGrid, 5, 1, 8, 2), 3, 3, 150});
  add({"one_block_idle_warps", MakePlan(kOne, 1, 1, 8, 5), 3, 3, 32});
  add({"slices_beyond_the_units", MakePlan(kCluster, 4, 2, 8, 2), 3, 4, 5});
  add({"grid_one_row", MakePlan(kGrid, 3, 1, 8, 2), 3, 1, 40});
  add({"slices_beyond_the_units_grid", MakePlan(kGrid, 4, 2, 8, 2), 3, 4, 5});
  add({"one_unit_one_row", MakePlan(kOne, 1, 1, 8, 2), 3, 1, 1});
  add({"one_step", MakePlan(kCluster, 2, 1, 8, 2), 1, 3, 20}).masked = true;
  add({"one_step_grid", MakePlan(kGrid, 2, 1, 8, 2), 1, 3, 20});
  add({"two_steps_grid", MakePlan(kGrid, 2, 1, 8, 2), 2, 3, 20});
  add({"no_step", MakePlan(kCluster, 2, 1, 8, 2), 0, 3, 20});
  add({"no_step_grid", MakePlan(kGrid, 2, 1, 8, 2), 0, 3, 20});
  add({"no_rows", MakePlan(kOne, 1, 1, 8, 2), 3, 0, 8});
  for (Case& c : cases) {
    if (c.zero_output) c.masked = true;
  }
  {
    Case& c = add({"cluster_both_directions", MakePlan(kCluster, 2, 1, 8, 2), 4, 5, 24});
    c.both = c.masked = true;
  }
  {
    Case& c = add({"cluster_both_directions_ended", MakePlan(kCluster, 2, 1, 8, 2), 8, 5, 24});
    c.both = c.ended = true;
  }
  {
    Case& c = add({"grid_both_directions", MakePlan(kGrid, 2, 2, 8, 2), 4, 10, 24});
    c.both = c.dropout = true, c.bias = false;
  }
  return cases;
}

inline std::vector<Case> StepwiseCases() {
  const Plan plan;
  std::vector<Case> cases = {
      {"stepwise", plan, 4, 5, 13},      {"stepwise_no_step", plan, 0, 3, 4},
      {"stepwise_one", plan, 1, 1, 1},   {"stepwise_masked", plan, 5, 7, 9},
      {"stepwise_both", plan, 3, 4, 20}, {"stepwise_blocks", plan, 2, 17, 31}};
  cases[3].masked = cases[3].dropout = cases[3].backwards = true;
  cases[4].both = cases[4].masked = cases[4].zero_output = true;
  cases[5].time_major = true, cases[5].bias = false;
  return cases;
}

inline Case InexactOf(Case c) {
  c.exact = false;
  return c;
}

class PersistentTest : public testing::TestWithParam<Case> {};
class StepwiseTest : public testing::TestWithParam<Case> {};

inline std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

}  // namespace tfrnn::cuda
