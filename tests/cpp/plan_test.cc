// Plans for every architecture, without a GPU: each fits its device, and says why it was chosen.
#include "cuda/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cuda/geometry.h"
#include "cuda/plan_override.h"

namespace tfrnn::cuda {
namespace {

using testing::Message;

constexpr Cell kCells[] = {Cell::kLstm, Cell::kGru, Cell::kGruResetBefore, Cell::kSimpleRnn};
constexpr Element kElements[] = {Element::kFloat16, Element::kBFloat16, Element::kFloat32,
                                 Element::kFloat64};
constexpr Pass kPasses[] = {Pass::kForward, Pass::kBackward};
constexpr std::int64_t kBatches[] = {0, 1, 3, 8, 16, 17, 50, 64, 128, 256, 1000000};
constexpr std::int64_t kUnits[] = {1,   15,  16,  17,   33,   64,   128,  200,  256,
                                   512, 650, 768, 1024, 1536, 2048, 4096, 70000};

Call CallOf(std::int64_t batch, std::int64_t units, Element dtype = Element::kBFloat16,
            Cell cell = Cell::kLstm, Pass pass = Pass::kForward) {
  Call call;
  call.cell = cell, call.dtype = dtype, call.pass = pass;
  call.batch = batch, call.units = units;
  return call;
}

Choice PlanFor(const Call& call, const char* device, std::string_view override_text = "") {
  const Device* const found = FindDevice(device);
  EXPECT_NE(found, nullptr) << device;
  return MakePlan(call, *found, ConstantsFor(found->arch), override_text);
}

void ForEveryCall(const std::function<void(const Call&)>& check) {
  for (const Cell cell : kCells) {
    for (const Element dtype : kElements) {
      for (const Pass pass : kPasses) {
        for (const std::int64_t batch : kBatches) {
          for (const std::int64_t units : kUnits) {
            Call call = CallOf(batch, units, dtype, cell, pass);
            for (call.directions = 1; call.directions <= 2; ++call.directions) check(call);
          }
        }
      }
    }
  }
}

// Checks a plan against the limits of the device, in words of its own.
void ExpectFits(const Call& call, const Device& device, const Candidate& candidate) {
  const Plan& plan = candidate.plan;
  EXPECT_TRUE(std::isfinite(candidate.us.total()));
  EXPECT_GT(candidate.us.total(), 0);
  if (plan.policy == Policy::kStepwise) return;
  EXPECT_NE(call.dtype, Element::kFloat64);
  EXPECT_TRUE(device.arch >= 80 || call.dtype == Element::kFloat16);
  EXPECT_NE(call.cell, Cell::kGruResetBefore);

  EXPECT_TRUE(std::set<int>({8, 16, 32}).count(plan.tile_rows));
  EXPECT_EQ(plan.warps, 8);
  EXPECT_LE(plan.warps * 32 * 255, device.registers);
  EXPECT_GE(std::int64_t{plan.batch_slices} * plan.tile_rows, call.batch);
  EXPECT_LT(std::int64_t{plan.batch_slices - 1} * plan.tile_rows,
            std::max<std::int64_t>(1, call.batch));

  const Geometry g = GeometryFor(call, plan);
  EXPECT_EQ(candidate.shared_bytes, g.bytes);
  EXPECT_LE(g.bytes, device.shared_per_block);
  const int pairs = plan.tile_rows == 32 ? 8 : 4;
  EXPECT_LE(g.units * plan.tile_rows, 32 * plan.warps * pairs) << "not in registers";
  EXPECT_EQ(candidate.held_bytes, g.held_bytes);
  EXPECT_EQ(g.held_bytes + g.operand, g.tiles * g.depth_steps * kFragmentBytes);
  const int registers = plan.tile_rows == 8 ? 80 : plan.tile_rows == 16 ? 64 : 0;
  EXPECT_LE(g.held_bytes, 4 * registers * 32 * plan.warps) << "not in registers";
  EXPECT_LE(plan.batch_slices, 65535);
  EXPECT_GE(std::int64_t{g.units} * plan.unit_slices, call.units);
  EXPECT_LT(std::int64_t{g.units} * (plan.unit_slices - 1), call.units) << "an idle block";

  const int blocks = plan.unit_slices * plan.batch_slices * call.directions;
  EXPECT_EQ(candidate.blocks, blocks);
  EXPECT_EQ(plan.policy == Policy::kOneBlock, plan.unit_slices == 1);
  if (plan.policy == Policy::kGrid) {
    EXPECT_TRUE(device.cooperative);
    EXPECT_LE(blocks, device.multiprocessors);
  }
  if (plan.policy == Policy::kCluster) {
    EXPECT_GE(device.arch, 90);
    EXPECT_GE(plan.unit_slices, 2);
    EXPECT_LE(plan.unit_slices, device.max_cluster());
    EXPECT_GT(device.resident_clusters[plan.unit_slices], 0);
  }
}

TEST(Plan, EveryPlanFitsItsDevice) {
  for (const Device& device : KnownDevices()) {
    const Constants constants = ConstantsFor(device.arch);
    std::set<Policy> chosen;
    ForEveryCall([&](const Call& call) {
      SCOPED_TRACE(Message() << device.name << " " << Name(call.cell) << " " << Name(call.dtype)
                             << " " << Name(call.pass) << " batch " << call.batch << " units "
                             << call.units << " directions " << call.directions);
      const Choice choice = MakePlan(call, device, constants, "");
      ASSERT_EQ(choice.error, "");
      ASSERT_EQ(choice.outcomes.size(), 4u);
      chosen.insert(choice.candidate.plan.policy);
      for (const Outcome& outcome : choice.outcomes) {
        ASSERT_NE(outcome.best.has_value(), !outcome.obstacle.empty());
        if (!outcome.best) continue;
        ASSERT_EQ(outcome.best->plan.policy, outcome.policy);
        ASSERT_LE(choice.candidate.us.total(), outcome.best->us.total());
        ASSERT_EQ(Obstacle(call, device, outcome.best->plan), "");
        ExpectFits(call, device, *outcome.best);
        if (testing::Test::HasFailure()) return;
      }
    });
    EXPECT_EQ(chosen.count(Policy::kCluster), device.arch >= 90 ? 1u : 0u) << device.name;
    EXPECT_TRUE(chosen.count(Policy::kStepwise) && chosen.count(Policy::kGrid)) << device.name;
  }
}

// More work may not be predicted to take less time, apart from what rounding up to tiles and
// slices explains.
TEST(Plan, MoreWorkTakesLonger) {
  for (const Device& device : KnownDevices()) {
    const Constants constants = ConstantsFor(device.arch);
    ForEveryCall([&](const Call& call) {
      const double us = MakePlan(call, device, constants, "").candidate.us.total();
      Call more = call;
      more.batch *= 2;
      EXPECT_GE(MakePlan(more, device, constants, "").candidate.us.total(), 0.999 * us)
          << device.name << " batch " << call.batch << " units " << call.units;
      more = call, more.units *= 2;
      EXPECT_GE(MakePlan(more, device, constants, "").candidate.us.total(), 0.999 * us)
          << device.name << " batch " << call.batch << " units " << call.units;
      more = call, more.directions = 2;
      EXPECT_GE(MakePlan(more, device, constants, "").candidate.us.total(), 0.999 * us);
    });
  }
}

TEST(Plan, WhereThePoliciesWin) {
  EXPECT_EQ(PlanFor(CallOf(16, 16), "H200").candidate.plan.policy, Policy::kOneBlock);
  EXPECT_EQ(PlanFor(CallOf(16, 256), "H200").candidate.plan.policy, Policy::kCluster);
  EXPECT_EQ(PlanFor(CallOf(16, 768), "H200").candidate.plan.policy, Policy::kGrid);
  EXPECT_EQ(PlanFor(CallOf(256, 2048), "H200").candidate.plan.policy, Policy::kStepwise);
  EXPECT_EQ(PlanFor(CallOf(16, 512), "A100").candidate.plan.policy, Policy::kGrid);
}

TEST(Plan, PrecisionCosts) {
  Call call = CallOf(32, 256, Element::kFloat32);
  const Device& h200 = *FindDevice("H200");
  const Constants constants = ConstantsFor(90);
  const Plan plan = {Policy::kCluster, 16, 4, 8, 8};
  const double exact = Predict(call, plan, h200, constants).total();
  call.tf32 = true;
  const double tf32 = Predict(call, plan, h200, constants).total();
  call.dtype = Element::kBFloat16;
  EXPECT_GT(exact, tf32);
  EXPECT_GT(tf32, Predict(call, plan, h200, constants).total());
}

TEST(Plan, ExchangesCostWhatTheOthersSend) {
  const Device& h200 = *FindDevice("H200");
  Constants k = ConstantsFor(90);
  const auto cycles = [&](const Call& call, const Plan& plan) {
    return Predict(call, plan, h200, k).exchange * k.clock_ghz * 1e3;
  };
  const Call small = CallOf(8, 32);  // 256 bytes from the other of two blocks
  EXPECT_DOUBLE_EQ(cycles(small, {Policy::kCluster, 2, 1, 8, 8}),
                   k.cluster_async_exchange_cycles + 256 / k.dsmem_bytes_per_cycle);
  EXPECT_DOUBLE_EQ(cycles(small, {Policy::kGrid, 2, 1, 8, 8}),
                   k.data_as_flag_exchange_cycles + 264 / k.l2_bytes_per_cycle);
  EXPECT_DOUBLE_EQ(cycles(CallOf(8, 64), {Policy::kCluster, 4, 1, 8, 8}),
                   k.cluster_async_exchange_cycles + 2 * k.cluster_async_block_cycles +
                       768 / k.dsmem_bytes_per_cycle);
  Call back = small;  // 512 bytes of shares, which also have to be sent
  back.pass = Pass::kBackward;
  EXPECT_DOUBLE_EQ(cycles(back, {Policy::kCluster, 2, 1, 8, 8}),
                   k.cluster_async_exchange_cycles + 512 / k.dsmem_bytes_per_cycle);
  EXPECT_DOUBLE_EQ(cycles(back, {Policy::kGrid, 2, 1, 8, 8}),
                   k.data_as_flag_exchange_cycles + 2 * (528 / k.l2_bytes_per_cycle));
  k.l2_bytes_per_cycle = 1e6;  // 2016 words for 256 threads, 2 at once
  EXPECT_DOUBLE_EQ(cycles(CallOf(16, 1024), {Policy::kGrid, 64, 1, 16, 8}),
                   k.data_as_flag_exchange_cycles + 3 * k.l2_latency_cycles);
}

TEST(Plan, ClustersThatAreNotResidentWait) {
  const Device& h200 = *FindDevice("H200");
  const Constants constants = ConstantsFor(90);
  const Plan plan = {Policy::kCluster, 16, h200.resident_clusters[16], 8, 8};
  Call call = CallOf(8 * plan.batch_slices, 256);
  const double once = Predict(call, plan, h200, constants).total();
  call.directions = 2;
  EXPECT_DOUBLE_EQ(Predict(call, plan, h200, constants).total(), 2 * once);
}

// The slots of all blocks are written and read at every step on the way back.
TEST(Plan, SlotsBeyondL2AreSlow) {
  Device device = *FindDevice("H200");
  const Constants constants = ConstantsFor(90);
  const Plan plan = {Policy::kGrid, 64, 2, 8, 8};
  Call call = CallOf(16, 1024);
  const auto exchange = [&] { return Predict(call, plan, device, constants).exchange; };
  const double forward = exchange();
  call.pass = Pass::kBackward;
  const double backward = exchange();
  device.l2_bytes = 1 << 20;
  EXPECT_GT(exchange(), 1.2 * backward);
  call.pass = Pass::kForward;
  EXPECT_EQ(exchange(), forward);
}

// A block needs the same weights for both passes: those of its units, but for a tile of padding.
TEST(Geometry, BothPassesKeepTheSameWeights) {
  for (const int units : {16, 40, 256, 1000}) {
    for (const int slices : {1, 2, 5, 16}) {
      const Plan plan = {Policy::kCluster, slices, 1, 8, 8};
      const CellShape cell = ShapeOf(Cell::kGru);
      const Geometry there = GeometryOf(cell, Pass::kForward, 2, units, plan);
      const Geometry back = GeometryOf(cell, Pass::kBackward, 2, units, plan);
      const int weights = there.held_bytes + there.operand;
      EXPECT_EQ(weights, cell.gates * there.units * there.padded_units * 2);
      const int job = 2 * back.depth_steps * kFragmentBytes;
      EXPECT_EQ(back.held_bytes + back.operand, (weights + job - 1) / job * job);
      EXPECT_EQ(back.slots, slices * back.depth_splits);
    }
  }
}

// The warps hold as many steps of their first part as there are registers for, here those of 20
// tiles.
TEST(Geometry, RegistersHoldWhatSharedMemoryNeedNot) {
  const Device& h200 = *FindDevice("H200");
  const Plan plan = {Policy::kCluster, 8, 2, 8, 8};
  for (const Pass pass : kPasses) {
    Call call = CallOf(16, 512, Element::kBFloat16, Cell::kLstm, pass);
    const Geometry g = GeometryFor(call, plan);
    EXPECT_EQ(g.held_steps, pass == Pass::kForward ? 5 : 10);
    EXPECT_EQ(g.held_bytes, 80 << 10);
    EXPECT_EQ(g.operand, (256 - 80) << 10);
    EXPECT_EQ(Obstacle(call, h200, plan), "");
    EXPECT_GT(g.bytes + g.held_bytes, h200.shared_per_block);
    call.features.vectors = true;
    EXPECT_EQ(GeometryFor(call, plan).held_bytes, 48 << 10);
  }
  // No more than the smallest of the parts has: four of 2 or 3 steps.
  const Plan small = {Policy::kOneBlock, 1, 1, 8, 8};
  const Geometry g = GeometryFor(CallOf(8, 20), small);
  EXPECT_EQ(g.depth_splits, 2);
  EXPECT_EQ(g.held_steps, 1);
  EXPECT_EQ(g.operand, 0);
}

TEST(Plan, WeightsInRegistersAreNotRead) {
  const Device& h200 = *FindDevice("H200");
  Constants k = ConstantsFor(90);
  k.shared_bytes_per_cycle = 0.01;  // all that counts
  const Plan plan = {Policy::kCluster, 8, 2, 8, 8};
  const double cycles = Predict(CallOf(16, 512), plan, h200, k).product * k.clock_ghz * 1e3;
  EXPECT_DOUBLE_EQ(cycles, ((256 - 80) * 1024 + 4 * 8 * 512 * 2) / k.shared_bytes_per_cycle);
}

TEST(Plan, OptionsThatForceTheStepwisePolicySayWhy) {
  const auto expect = [](const char* text, const char* device,
                         const std::function<void(Call*)>& set) {
    Call call = CallOf(16, 128);
    set(&call);
    const Choice choice = PlanFor(call, device);
    EXPECT_EQ(choice.candidate.plan.policy, Policy::kStepwise) << text;
    EXPECT_NE(choice.reason.find(text), std::string::npos) << choice.reason;
  };
  expect("projection takes two exchanges", "H200", [](Call* c) { c->features.projection = true; });
  expect("layer normalisation takes two", "H200", [](Call* c) { c->features.layer_norm = true; });
  expect("mask for each gate", "H200", [](Call* c) { c->features.per_gate_dropout = true; });
  for (const Feature& feature : KnownFeatures()) {
    if (*feature.reason == '\0') continue;
    expect(feature.reason, "H200", [&](Call* c) { c->features.*feature.asked = true; });
  }
  expect("no recurrent matrix", "H200", [](Call* c) { c->cell = Cell::kIndRnn; });
  expect("the reset gate acts before", "H200", [](Call* c) { c->cell = Cell::kGruResetBefore; });
  expect("no matrix instruction for float64", "H200",
         [](Call* c) { c->dtype = Element::kFloat64; });
  expect("7.5 has no matrix instruction for bfloat16", "T4", [](Call*) {});
  expect("device has no clusters", "A100", [](Call* c) { c->units = 4096; });
}

TEST(Plan, TheOptionsOfACallTellSomeOfItsFeatures) {
  RnnOptions options;
  EXPECT_EQ(GeneralReason(FeaturesOf(options)), "");
  options.training = true, options.zoneout = options.recurrent_dropout = 0.5;
  EXPECT_EQ(GeneralReason(FeaturesOf(options)), "");
  const auto expect = [](const char* reason, const std::function<void(RnnOptions*)>& set) {
    RnnOptions some;
    set(&some);
    EXPECT_NE(GeneralReason(FeaturesOf(some)).find(reason), std::string::npos) << reason;
  };
  expect("normalisation", [](RnnOptions* o) { o->layer_norm = true; });
  EXPECT_FALSE(TakesOptions(FeaturesOf(options)));
  const auto takes_options = [](const std::function<void(RnnOptions*)>& set) {
    RnnOptions some;
    set(&some);
    EXPECT_EQ(GeneralReason(FeaturesOf(some)), "");
    EXPECT_TRUE(TakesOptions(FeaturesOf(some)));
  };
  takes_options([](RnnOptions* o) { o->activation = Activation::kRelu; });
  takes_options([](RnnOptions* o) { o->recurrent_activation = Activation::kTanh; });
  takes_options([](RnnOptions* o) { o->cell_clip = 1; });
}

TEST(Plan, OptionsHaveNoKernelsForTheLargestTile) {
  for (const Feature& feature : KnownFeatures()) {
    if (*feature.reason != '\0') continue;
    Call call = CallOf(16, 128);
    call.features.*feature.asked = true;
    EXPECT_TRUE(TakesOptions(call.features)) << feature.name;
    for (const char* device : {"H200", "A100", "T4"}) {
      call.dtype = Element::kFloat16;
      call.batch = 32;
      const Plan plan = PlanFor(call, device).candidate.plan;
      EXPECT_LE(plan.tile_rows, 16) << feature.name << " on " << device;
      EXPECT_NE(plan.policy, Policy::kStepwise) << feature.name << " on " << device;
    }
  }
}

TEST(Plan, ReasonsNameEveryPolicyAndItsCost) {
  const std::string reason = PlanFor(CallOf(64, 256), "H200").reason;
  for (const char* part : {"cluster:", "us a step predicted", "block: a block of 1 needs ",
                           " bytes of shared memory, it may have 232448", "grid ", "stepwise ",
                           " KiB of weights in registers, ", " KiB of shared memory, "}) {
    EXPECT_NE(reason.find(part), std::string::npos) << part << " in " << reason;
  }
}

TEST(Plan, TooOldADeviceIsRefused) {
  Device old = *FindDevice("T4");
  old.name = "V100", old.arch = 70;
  EXPECT_EQ(MakePlan(CallOf(1, 1), old, ConstantsFor(70), "").error,
            "V100 has compute capability 7.0; the kernels need 7.5 or newer");
}

TEST(PlanOverride, ChoosesAmongWhatFits) {
  const Call forward = CallOf(64, 256);
  Call backward = forward;
  backward.pass = Pass::kBackward;
  EXPECT_EQ(PlanFor(forward, "H200", "stepwise").candidate.plan.policy, Policy::kStepwise);
  const Plan grid = PlanFor(forward, "H200", "grid:rows=16").candidate.plan;
  EXPECT_EQ(grid.policy, Policy::kGrid);
  EXPECT_EQ(grid.tile_rows, 16);
  EXPECT_EQ(grid.batch_slices, 4);
  const Plan cluster = PlanFor(forward, "H200", "cluster:8x4:warps=8").candidate.plan;
  EXPECT_EQ(cluster.policy, Policy::kCluster);
  EXPECT_EQ(cluster.unit_slices, 8);
  EXPECT_EQ(cluster.batch_slices, 4);
  EXPECT_EQ(cluster.warps, 8);
  const Choice choice = PlanFor(backward, "H200", "cluster;backward=grid");
  EXPECT_EQ(choice.candidate.plan.policy, Policy::kGrid);
  EXPECT_NE(choice.reason.find("TFRNN_GPU_PLAN asks for backward=grid"), std::string::npos);
  EXPECT_EQ(PlanFor(forward, "H200", "cluster;backward=grid").candidate.plan.policy,
            Policy::kCluster);
  EXPECT_EQ(PlanFor(forward, "H200", "backward=grid").reason, PlanFor(forward, "H200").reason);
}

TEST(PlanOverride, WhatDoesNotFitIsExplained) {
  const auto error = [](const Call& call, const char* device, const char* text) {
    return PlanFor(call, device, text).error;
  };
  EXPECT_EQ(error(CallOf(16, 256), "A100", "cluster"),
            "TFRNN_GPU_PLAN asks for cluster, which does not fit: the device has no clusters");
  EXPECT_EQ(error(CallOf(16, 2048), "H200", "grid:128x2"),
            "TFRNN_GPU_PLAN asks for grid:128x2, which does not fit: at most 132 blocks can be "
            "resident at once");
  EXPECT_EQ(error(CallOf(16, 16), "H200", "grid"),
            "TFRNN_GPU_PLAN asks for grid, which does not fit: one block holds so few units");
  EXPECT_EQ(error(CallOf(16, 256), "H200", "cluster:5x2"),
            "TFRNN_GPU_PLAN asks for cluster:5x2, which does not fit: no such share of 256 units "
            "and 16 rows");
  EXPECT_EQ(error(CallOf(16, 256), "H200", "cluster:warps=16"),
            "TFRNN_GPU_PLAN asks for cluster:warps=16, which does not fit: a block has 8 warps");
  const std::string block = error(CallOf(16, 1024), "H200", "block");
  EXPECT_NE(block.find("which does not fit: a block of 1 needs "), std::string::npos) << block;
}

TEST(PlanOverride, MistakesAreExplainedWhicheverPassTheyAreFor) {
  for (const Pass pass : kPasses) {
    for (const auto& [text, message] : std::vector<std::pair<const char*, const char*>>{
             {"fast", "found 'fast', expected stepwise, block, cluster or grid"},
             {"grid;", "found '', expected stepwise"},
             {"sideways=grid", "found 'sideways=grid', expected stepwise"},
             {"grid:", "found '', expected slices such as 8x4, rows=16 or warps=8"},
             {"grid:8", "found '8', expected slices"},
             {"grid:8x", "found '8x', expected slices"},
             {"grid:0x1", "found '0x1', expected slices"},
             {"grid:8x4x2", "found '8x4x2', expected slices"},
             {"forward=grid:rows=-8", "found 'rows=-8', expected slices"},
             {"backward=grid:warps=8 ", "found 'warps=8 ', expected slices"},
             {"stepwise:8x4", "found '8x4', expected nothing after stepwise"},
         }) {
      const Choice choice =
          PlanFor(CallOf(16, 256, Element::kBFloat16, Cell::kLstm, pass), "H200", text);
      EXPECT_NE(choice.error.find(message), std::string::npos) << choice.error;
      EXPECT_EQ(choice.error.find("TFRNN_GPU_PLAN='" + std::string(text) + "': "), 0u)
          << choice.error;
    }
  }
}

TEST(Constants, EveryTableIsCompleteAndInOrder) {
  for (const int arch : {75, 80, 86, 89, 90, 100, 120}) {
    const ConstantsTable& table = TableFor(arch);
    EXPECT_EQ(table.arch, arch);
    ASSERT_EQ(table.entries.size(), ConstantMeanings().size());
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const std::string name = table.entries[i].name;
      EXPECT_EQ(name, ConstantMeanings()[i].name);
      const bool of_clusters = name.find("cluster") == 0 || name.find("dsmem") == 0;
      const bool absent = (of_clusters && arch < 90) || (name == "mma_tf32_cycles" && arch < 80);
      EXPECT_EQ(table.entries[i].value > 0, !absent) << arch << " " << name;
    }
  }
}

TEST(Constants, OtherArchitecturesUseTheNextOlderTable) {
  EXPECT_EQ(TableFor(60).arch, 75);
  EXPECT_EQ(TableFor(87).arch, 86);
  EXPECT_EQ(TableFor(103).arch, 100);
  EXPECT_EQ(TableFor(999).arch, 120);
  Constants constants;
  EXPECT_TRUE(SetConstant(&constants, "launch_us", 3.0));
  EXPECT_EQ(constants.launch_us, 3.0);
  EXPECT_FALSE(SetConstant(&constants, "launch", 3.0));
}

TEST(Device, ClustersStayInTheirDomain) {
  const auto resident = ResidentClusters(132, 8, 16);
  EXPECT_EQ(resident[2], 64);
  EXPECT_EQ(resident[8], 16);
  EXPECT_EQ(resident[16], 8);
  EXPECT_EQ(FindDevice("H200")->max_cluster(), 16);
  EXPECT_EQ(FindDevice("RTX 5090")->max_cluster(), 8);
  EXPECT_EQ(FindDevice("A100")->max_cluster(), 1);
  EXPECT_EQ(FindDevice("no such thing"), nullptr);
}

}  // namespace
}  // namespace tfrnn::cuda
