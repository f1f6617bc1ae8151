// The emulator reports what a GPU would not forgive.
#include "tests/emulator/emulator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "cuda/prim.cuh"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {
namespace {

LaunchConfig Config(unsigned blocks, unsigned threads, unsigned cluster = 1,
                    std::size_t shared_bytes = 0) {
  LaunchConfig config;
  config.grid_x = blocks, config.threads = threads, config.cluster = cluster;
  config.shared_bytes = shared_bytes;
  return config;
}

float& SharedFloat(int i) { return reinterpret_cast<float*>(prim::SharedMemory())[i]; }

void HalfSyncs() {
  if (prim::Thread() < 16) prim::SyncBlock();
}
TEST(EmulatorTest, ReportsADeadlock) {
  const Error error = Launch(HalfSyncs, Config(1, 32));
  EXPECT_NE(error.find("deadlock: 16 threads"), std::string::npos) << error;
  EXPECT_NE(error.find("16 of 32 at its block barrier"), std::string::npos) << error;
}

void OneBlockArrives() {
  if (prim::Block().x == 1) return;
  prim::ArriveCluster();
  prim::WaitCluster();
}
TEST(EmulatorTest, ReportsAClusterBarrierThatABlockMisses) {
  const Error error = Launch(OneBlockArrives, Config(2, 32, 2));
  EXPECT_NE(error.find("32 of 64 at its cluster barrier"), std::string::npos) << error;
}

void WaitForNobody(std::uint32_t* flag) { prim::Await(flag, 1); }
TEST(EmulatorTest, ReportsALivelock) {
  std::uint32_t flag = 0;
  EXPECT_NE(Launch(WaitForNobody, Config(2, 32), &flag).find("livelock"), std::string::npos);
}

void LanesDisagree() {
  float sum[1][1][4] = {};
  const std::uint32_t a[1][4] = {}, b[1][2] = {};
  std::uint32_t words[4];
  if (prim::Lane() < 16) {
    prim::MultiplyAdd<float>(sum, a, b);
  } else {
    prim::LoadMatrices(words, prim::SharedMemory());
  }
}
TEST(EmulatorTest, ReportsLanesAtDifferentOperations) {
  EXPECT_NE(Launch(LanesDisagree, Config(1, 32, 1, 512)).find("different operations"),
            std::string::npos);
}

void ReadUnwritten(float* out) { *out = SharedFloat(3); }
TEST(EmulatorTest, SharedMemoryBeginsAsNaN) {
  float out = 0;
  EXPECT_EQ(Launch(ReadUnwritten, Config(1, 1, 1, 16), &out), "");
  EXPECT_TRUE(std::isnan(out));
}

void ReadTooEarly(const float* in, float* out) {
  prim::CopyAsync16(prim::SharedMemory(), in);
  out[0] = SharedFloat(0);
  prim::WaitForCopies();
  out[1] = SharedFloat(0);
}
TEST(EmulatorTest, CopiesArriveLate) {
  const float in[4] = {7};
  float out[2];
  EXPECT_EQ(Launch(ReadTooEarly, Config(1, 1, 1, 16), &*in, &*out), "");
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 7);
}

void ReadOthersTooEarly(std::uint32_t* sent, float* out) {
  SharedFloat(0) = 7;
  prim::ArriveCluster();
  prim::WaitCluster();
  if (prim::Block().x == 0) {
    prim::StoreRemote16(prim::SharedMemory() + 16, 1, prim::SharedMemory());
    prim::Signal(sent, 1);
  } else {
    prim::Await(sent, 1);
    out[0] = SharedFloat(4);
  }
  prim::ArriveCluster();
  prim::WaitCluster();
  if (prim::Block().x == 1) out[1] = SharedFloat(4);
}
TEST(EmulatorTest, RemoteStoresArriveLate) {
  std::uint32_t sent = 0;
  float out[2];
  EXPECT_EQ(Launch(ReadOthersTooEarly, Config(2, 1, 2, 32), &sent, &*out), "");
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 7);
}

void StoreAtOnce() { prim::StoreRemote16(prim::SharedMemory(), 1, prim::SharedMemory() + 16); }
TEST(EmulatorTest, ReportsStoresToABlockThatMayNotHaveStarted) {
  EXPECT_NE(Launch(StoreAtOnce, Config(2, 1, 2, 32)).find("has started"), std::string::npos);
}

void NoteOrder(int* next, int* order) {
  order[__atomic_fetch_add(next, 1, __ATOMIC_RELAXED)] = static_cast<int>(prim::Thread());
}
TEST(EmulatorTest, SeedsMakeSchedules) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed : {0, 1, 2, 2}) {
    emulator::seed = seed;
    int next = 0;
    std::vector<int> order(64);
    EXPECT_EQ(Launch(NoteOrder, Config(1, 64), &next, order.data()), "");
    orders.insert(order);
  }
  emulator::seed = 0;
  EXPECT_EQ(orders.size(), 3u);
}

TEST(EmulatorTest, RefusesWhatADeviceWould) {
  float out;
  EXPECT_NE(Launch(ReadUnwritten, Config(1, 1, 1, 1 << 20), &out), "");
  EXPECT_NE(Launch(HalfSyncs, Config(3, 32, 2)), "");
  EXPECT_NE(Launch(HalfSyncs, Config(1, 2048)), "");
}

}  // namespace
}  // namespace tfrnn::cuda
