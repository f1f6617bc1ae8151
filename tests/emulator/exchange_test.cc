// The exchanges of cuda/exchange.cuh and cuda/reduction.cuh by themselves: whatever is put arrives,
// bit by bit, step after step. Compiled by nvcc (tests/gpu/exchange_test.cu) it asks a GPU the
// same.
#include "cuda/exchange.cuh"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/reduction.cuh"
#include "cuda/runtime.cuh"
#include "tests/emulator/device_memory.h"
#if !defined(TFRNN_NATIVE)
#include "tests/emulator/emulator.h"
#endif

namespace tfrnn::cuda {
namespace {

// Any bits: also all or none set, and NaNs of every kind.
TFRNN_DEVICE std::uint32_t BitsOf(int step, int row, int column) {
  const std::uint32_t mixed = ((step * 31u + row) * 977u + column) * 2654435761u;
  const std::uint32_t special[4] = {0, ~0u, 0x7f80ff81u, 0xfc01fc01u};
  return mixed >> 28 < 4 ? special[mixed >> 28] : mixed ^ mixed >> 15;
}
TFRNN_DEVICE void SetBits(std::uint32_t bits, Half* value) {
  value->bits = static_cast<std::uint16_t>(bits);
}
TFRNN_DEVICE void SetBits(std::uint32_t bits, float* value) { *value = prim::AsFloat(bits); }
template <typename T>
TFRNN_DEVICE T ValueOf(int step, int row, int column) {
  T value;
  SetBits(BitsOf(step, row, column), &value);
  return value;
}

// Of a launch that hands on what is put through `Space`.
template <typename Space>
struct HandingOn {
  Geometry geometry;
  Plan plan;
  Space space;
  int steps = 0, batch = 0;
};
using Gathering = HandingOn<ExchangeSpace>;
using Scattering = HandingOn<ReductionSpace>;

// Counts, for every thread, the values that are not what was put.
template <typename T, int kRows>
TFRNN_KERNEL(512)
Gather(const Gathering args, int* wrong) {
  const Geometry& g = args.geometry;
  const auto block = prim::Block();
  const int left = args.batch - static_cast<int>(block.y) * kRows,
            rows = left < kRows ? left : kRows;
  const int width = g.padded_units, offset = static_cast<int>(block.y) * kRows;
  Exchange<T, kRows> exchange(g, args.plan.policy, args.space, args.plan.unit_slices, rows, block.x,
                              block.y);
  exchange.Begin([&](int row, int column) { return ValueOf<T>(0, offset + row, column); });
  int found = 0;
  for (int step = 0; step < args.steps; ++step) {
    if (step > 0) exchange.Await(step);
    for (int i = prim::Thread(); i < rows * width; i += prim::Threads()) {
      const unsigned char* const row = exchange.Operand(step) + i / width * g.operand_stride;
      const T value = reinterpret_cast<const T*>(row)[i % width];
      const T want = ValueOf<T>(step, offset + i / width, i % width);
      found += prim::Bits(value) != prim::Bits(want);
    }
    prim::SyncBlock();
    if (step + 1 == args.steps) break;
    for (int i = prim::Thread(); i < kRows * g.units; i += prim::Threads()) {
      const int row = i / g.units, unit = i % g.units;
      const int column = static_cast<int>(block.x) * g.units + unit;
      exchange.Put(step + 1, row, unit, ValueOf<T>(step + 1, offset + row, column));
    }
    exchange.Publish(step + 1);
  }
  wrong[(block.y * args.plan.unit_slices + block.x) * prim::Threads() + prim::Thread()] = found;
}

// A share of a sum: finite, with any lowest bits.
TFRNN_DEVICE float ShareOf(int step, int slot, int row, int unit) {
  const std::uint32_t bits = BitsOf(step * 64 + slot, row, unit);
  return prim::AsFloat((bits & 0x807fffffu) | 0x3f800000u);
}

// The same where what is put are shares of sums, and what arrives is their sum.
template <int kRows>
TFRNN_KERNEL(512)
Scatter(const Scattering args, int* wrong) {
  const Geometry& g = args.geometry;
  const auto block = prim::Block();
  const int left = args.batch - static_cast<int>(block.y) * kRows,
            rows = left < kRows ? left : kRows;
  const int offset = static_cast<int>(block.y) * kRows, rank = static_cast<int>(block.x);
  const Reduction<kRows> reduction(g, args.plan.policy, args.space, args.plan.unit_slices, rows,
                                   rank, block.y);
  const int warps = prim::Threads() / 32, lane = prim::Lane();
  reduction.Begin();
  int found = 0;
  for (int step = 1; step < args.steps; ++step) {
    prim::SyncBlock();
    for (int i = prim::Thread() / 32; i < g.tiles * g.depth_splits; i += warps) {
      const int tile = i / g.depth_splits, share = i % g.depth_splits;
      float sum[kRows / 8][4];
      for (int c = 0; c < kRows / 8; ++c) {
        for (int e = 0; e < 4; ++e) {
          const int row = 8 * c + 2 * (lane % 4) + e % 2, unit = lane / 4 + 8 * (e / 2);
          sum[c][e] = ShareOf(step, args.plan.unit_slices == 1 ? share : rank, offset + row,
                              tile * kGranule + unit);
        }
      }
      reduction.Send(step, tile, share, sum);
    }
    reduction.Publish(step);
    reduction.Await(step);
    for (int i = prim::Thread(); i < rows * g.units; i += prim::Threads()) {
      const int row = i / g.units, unit = i % g.units;
      float want = 0;
      for (int slot = 0; slot < g.slots; ++slot) {
        want += ShareOf(step, slot, offset + row, rank * g.units + unit);
      }
      const float sum = reduction.Sum(step, unit / kGranule * kRows + row, unit % kGranule);
      found += prim::Bits(sum) != prim::Bits(want);
    }
  }
  wrong[(block.y * args.plan.unit_slices + block.x) * prim::Threads() + prim::Thread()] = found;
}

struct GatherCase {
  std::string name;
  Policy policy;
  int slices, granules, batch, warps, steps;
};
std::string NameOf(const testing::TestParamInfo<GatherCase>& info) { return info.param.name; }

// Runs a kernel on a case, for elements of so many bytes.
template <int kRows, typename Args, typename SpaceIn>
void Check(const GatherCase& c, Pass pass, int element_size, void (*kernel)(Args, int*),
           std::size_t (*space_bytes)(const Geometry&, const Plan&, int), const SpaceIn& space_in) {
  DeviceLimits device;
  ASSERT_EQ(CurrentDevice(&device), "");
  if (c.policy == Policy::kCluster && device.arch < 90) GTEST_SKIP() << "no clusters";
  Args args;
  Plan& plan = args.plan;
  plan.policy = c.policy, plan.unit_slices = c.slices, plan.warps = c.warps;
  plan.tile_rows = kRows, plan.batch_slices = CeilDiv(c.batch, kRows) + 1;  // one without rows
  args.geometry =
      GeometryOf({1, 1}, pass, element_size, std::int64_t{c.granules} * kGranule * c.slices, plan);
  args.steps = c.steps, args.batch = c.batch;
  const std::size_t bytes = space_bytes(args.geometry, plan, 1);
  const DeviceBytes workspace(bytes);
  workspace.Poison();
  args.space = space_in(workspace.get(), args.geometry, plan);
  LaunchConfig config;
  config.grid_x = c.slices, config.grid_y = plan.batch_slices, config.threads = 32 * c.warps;
  config.cluster = c.policy == Policy::kCluster ? c.slices : 1;
  config.cooperative = c.policy == Policy::kGrid;
  config.shared_bytes = args.geometry.bytes;
  const std::size_t threads = std::size_t{config.grid_x} * config.grid_y * config.threads;
#if defined(TFRNN_NATIVE)
  constexpr int kSeeds = 3;
#else
  constexpr int kSeeds = 40;
#endif
  for (int seed = 0; seed < kSeeds; ++seed) {  // over the same workspace, as the last left it
#if !defined(TFRNN_NATIVE)
    emulator::seed = seed;
#endif
    const DeviceArray<int> wrong(std::vector<int>(threads, -1));
    ASSERT_EQ(Zero(workspace.get(), bytes, nullptr), "");
    ASSERT_EQ(Launch(kernel, config, args, wrong.get()), "") << "seed " << seed;
    ASSERT_EQ(wrong.Read(), std::vector<int>(threads, 0)) << "seed " << seed;
  }
}

template <typename T, int kRows>
void CheckGather(const GatherCase& c) {
  Check<kRows, Gathering>(c, Pass::kForward, sizeof(T), Gather<T, kRows>, ExchangeBytes,
                          ExchangeSpaceIn);
}

template <int kRows>
void CheckScatter(const GatherCase& c) {
  Check<kRows, Scattering>(
      c, Pass::kBackward, 2, Scatter<kRows>, ReductionBytes,
      [](void* at, const Geometry& g, const Plan&) { return ReductionSpaceIn(at, g); });
}

class ExchangeTest : public testing::TestWithParam<GatherCase> {};
TEST_P(ExchangeTest, Half8) { CheckGather<Half, 8>(GetParam()); }
TEST_P(ExchangeTest, Float8) { CheckGather<float, 8>(GetParam()); }
TEST_P(ExchangeTest, Half16) { CheckGather<Half, 16>(GetParam()); }
TEST_P(ExchangeTest, Float32) { CheckGather<float, 32>(GetParam()); }
TEST_P(ExchangeTest, Shares8) { CheckScatter<8>(GetParam()); }
TEST_P(ExchangeTest, Shares16) { CheckScatter<16>(GetParam()); }
TEST_P(ExchangeTest, Shares32) { CheckScatter<32>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(
    Policies, ExchangeTest,
    testing::Values(GatherCase{"one_block", Policy::kOneBlock, 1, 2, 5, 1, 4},
                    GatherCase{"cluster_of_2", Policy::kCluster, 2, 1, 3, 1, 9},
                    GatherCase{"cluster_of_3_wide", Policy::kCluster, 3, 4, 9, 2, 6},
                    GatherCase{"cluster_of_5", Policy::kCluster, 5, 2, 2, 2, 5},
                    GatherCase{"cluster_one_step", Policy::kCluster, 2, 1, 3, 1, 1},
                    GatherCase{"cluster_no_step", Policy::kCluster, 2, 1, 3, 1, 0},
                    GatherCase{"grid_of_2", Policy::kGrid, 2, 1, 3, 1, 9},
                    GatherCase{"grid_of_3_wide", Policy::kGrid, 3, 4, 9, 2, 6},
                    GatherCase{"grid_of_5", Policy::kGrid, 5, 2, 2, 2, 5},
                    GatherCase{"grid_one_step", Policy::kGrid, 2, 1, 3, 1, 1},
                    GatherCase{"grid_no_step", Policy::kGrid, 2, 1, 3, 1, 0}),
    NameOf);

// ---- The words of the grid policy.
TFRNN_KERNEL(32)
SealAndOpen(const prim::Word* in, prim::Word* sealed, prim::Word* out, int* has_tag) {
  for (unsigned tag = 0; tag < 2; ++tag) {
    const unsigned lane = prim::Lane();
    prim::Word word = in[lane];
    const prim::Word carriers = Seal(&word, tag);
    sealed[32 * tag + lane] = word;
    out[32 * tag + lane] = Open(word, carriers.half[lane / kCarried], lane);
    if (lane % kCarried == 0) out[64 + 2 * tag + lane / kCarried] = carriers;
    has_tag[32 * tag + lane] = HasTag(word, carriers.half[lane / kCarried], tag) &&
                               !HasTag(word, carriers.half[lane / kCarried], 1 - tag);
  }
}

TEST(TaggedTest, AnyBitsSurvive) {
  std::vector<prim::Word> words(32);
  for (int i = 0; i < 32; ++i) {
    words[i].half[0] = i % 5 == 0 ? ~0ull : i * 0x9e3779b97f4a7c15ull;
    words[i].half[1] = i % 7 == 0 ? 0 : ~words[i].half[0] * 3;
  }
  const DeviceArray<prim::Word> in(words), sealed(64), out(68);
  const DeviceArray<int> has_tag(64);
  LaunchConfig config;
  config.threads = 32;
  ASSERT_EQ(Launch(SealAndOpen, config, static_cast<const prim::Word*>(in.get()), sealed.get(),
                   out.get(), has_tag.get()),
            "");
  const auto as_sent = sealed.Read(), opened = out.Read();
  EXPECT_EQ(has_tag.Read(), std::vector<int>(64, 1));
  for (int tag = 0; tag < 2; ++tag) {
    for (int i = 0; i < 32; ++i) {
      for (int half = 0; half < 2; ++half) {
        EXPECT_EQ(opened[32 * tag + i].half[half], words[i].half[half]) << i;
        EXPECT_EQ(as_sent[32 * tag + i].half[half] >> 1, words[i].half[half] >> 1) << i;
      }
      const Carrier carrier = opened[64 + 2 * tag + i / kCarried].half[i / kCarried];
      for (const std::uint64_t half :
           {as_sent[32 * tag + i].half[0], as_sent[32 * tag + i].half[1], carrier}) {
        EXPECT_EQ(half & 1, static_cast<std::uint64_t>(tag)) << i;
      }
    }
  }
}

}  // namespace
}  // namespace tfrnn::cuda
