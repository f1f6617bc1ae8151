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

// ---- Barriers that count bytes, at the beginning of shared memory; the data comes behind.
void* BarrierAt(int i) { return prim::SharedMemory() + 8 * i; }
unsigned char* DataAt(int i) { return prim::SharedMemory() + 16 + 16 * i; }

void BeginBarriers() {
  if (prim::Thread() == 0) {
    prim::InitBarrier(BarrierAt(0), 1);
    prim::FenceBarriers();
  }
  prim::ArriveCluster();
  prim::WaitCluster();
}

// Block 0 sends four times 16 bytes, block 1 notes what is there when something has been sent.
void NoteArrivals(std::uint32_t* sent, float* early, float* late) {
  BeginBarriers();
  if (prim::Block().x == 0) {
    for (int i = 0; i < 4; ++i) {
      reinterpret_cast<float*>(DataAt(4))[0] = static_cast<float>(i + 1);
      prim::StoreAsync16(DataAt(i), 1, DataAt(4), BarrierAt(0));
    }
    prim::Signal(sent, 1);
  } else {
    prim::Await(sent, 1);
    for (int i = 0; i < 4; ++i) early[i] = reinterpret_cast<float*>(DataAt(i))[0];
    prim::ExpectBytes(BarrierAt(0), 64);
    prim::WaitBarrier(BarrierAt(0), 0);
    for (int i = 0; i < 4; ++i) late[i] = reinterpret_cast<float*>(DataAt(i))[0];
  }
}
TEST(EmulatorTest, AsynchronousStoresArriveLateAndInAnyOrder) {
  std::set<std::vector<bool>> orders;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    emulator::seed = seed;
    std::uint32_t sent = 0;
    float early[4], late[4];
    EXPECT_EQ(Launch(NoteArrivals, Config(2, 1, 2, 96), &sent, &*early, &*late), "");
    std::vector<bool> arrived;
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(late[i], static_cast<float>(i + 1));
      EXPECT_TRUE(std::isnan(early[i]) || early[i] == late[i]);
      arrived.push_back(!std::isnan(early[i]));
    }
    if (seed % 2 == 0) {
      EXPECT_EQ(arrived, std::vector<bool>(4, false));
    }
    orders.insert(arrived);
  }
  emulator::seed = 0;
  EXPECT_GT(orders.size(), 4u);
}

void SendTo1(unsigned bytes, bool awaits) {
  BeginBarriers();
  if (prim::Block().x == 0) {
    prim::StoreAsync16(DataAt(0), 1, DataAt(1), BarrierAt(0));
  } else if (awaits) {
    prim::ExpectBytes(BarrierAt(0), bytes);
    prim::WaitBarrier(BarrierAt(0), 0);
  }
}
TEST(EmulatorTest, ReportsBytesThatNeverCome) {
  const Error error = Launch(SendTo1, Config(2, 1, 2, 64), 48u, true);
  EXPECT_NE(error.find("deadlock: 1 threads"), std::string::npos) << error;
  EXPECT_NE(error.find("block 1: barrier 0 in its shared memory, where 32 bytes are missing"),
            std::string::npos)
      << error;
}
TEST(EmulatorTest, ReportsStoresToABlockThatHasEnded) {
  EXPECT_NE(Launch(SendTo1, Config(2, 1, 2, 64), 16u, false).find("block that has ended"),
            std::string::npos);
}

void LeaveAPhase() {
  BeginBarriers();
  prim::ExpectBytes(BarrierAt(0), 16);
}
TEST(EmulatorTest, ReportsAPhaseThatIsLeft) {
  EXPECT_NE(Launch(LeaveAPhase, Config(1, 1, 1, 64)).find("in the middle of a phase"),
            std::string::npos);
}

// 16 bytes come at once; of the block's two warps one arrives before its work is done.
void ArriveLate(bool all, int* done, int* seen) {
  if (prim::Thread() == 0) {
    prim::InitBarrier(BarrierAt(0), 2);
    prim::FenceBarriers();
  }
  prim::ArriveCluster();
  prim::WaitCluster();
  if (prim::Block().x == 1) {
    if (prim::Thread() == 0) prim::StoreAsync16(DataAt(0), 0, DataAt(1), BarrierAt(0));
    return;
  }
  if (prim::Thread() == 0) prim::ExpectBytes(BarrierAt(0), 16);
  if (prim::Thread() == 32) {
    for (int i = 0; i < 20; ++i) emulator::MayYield();
    *done = 1;
    if (all) prim::ArriveBarrier(BarrierAt(0));
  }
  prim::WaitBarrier(BarrierAt(0), 0);
  if (prim::Thread() == 0) *seen = *done;
}
TEST(EmulatorTest, APhaseEndsWhenAllHaveArrived) {
  LaunchConfig config = Config(2, 1, 2, 64);
  config.threads = 64;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    emulator::seed = seed;
    int done = 0, seen = 0;
    EXPECT_EQ(Launch(ArriveLate, config, true, &done, &seen), "");
    EXPECT_EQ(seen, 1);
  }
  emulator::seed = 0;
  int done = 0, seen = 0;
  const Error error = Launch(ArriveLate, config, false, &done, &seen);
  EXPECT_NE(error.find("barrier 0 in its shared memory, where 1 of 2 have arrived"),
            std::string::npos)
      << error;
}

void ArriveTwice() {
  BeginBarriers();
  for (int i = 0; i < 2; ++i) prim::ExpectBytes(BarrierAt(0), 16);
}
TEST(EmulatorTest, ReportsASecondArrival) {
  EXPECT_NE(Launch(ArriveTwice, Config(1, 1, 1, 64)).find("has had its arrivals"),
            std::string::npos);
}

void UseUnfenced(bool fence, bool sync) {
  prim::InitBarrier(BarrierAt(0), 1);
  prim::ArriveCluster();
  prim::WaitCluster();
  if (fence) prim::FenceBarriers();
  if (sync) {
    prim::ArriveCluster();
    prim::WaitCluster();
  }
  prim::StoreAsync16(DataAt(0), 1 - prim::Block().x, DataAt(1), BarrierAt(0));
  prim::ExpectBytes(BarrierAt(0), 16);
  prim::WaitBarrier(BarrierAt(0), 0);
}
TEST(EmulatorTest, ReportsBarriersThatOtherBlocksCannotKnow) {
  const LaunchConfig config = Config(2, 1, 2, 64);
  EXPECT_EQ(Launch(UseUnfenced, config, true, true), "");
  EXPECT_NE(Launch(UseUnfenced, config, true, false).find("a fence and a cluster barrier"),
            std::string::npos);
  EXPECT_NE(Launch(UseUnfenced, config, false, true).find("a fence and a cluster barrier"),
            std::string::npos);
}

void UseUninitialised() { prim::WaitBarrier(BarrierAt(0), 0); }
TEST(EmulatorTest, ReportsBarriersThatNobodyInitialised) {
  EXPECT_NE(Launch(UseUninitialised, Config(1, 1, 1, 64)).find("nobody has initialised"),
            std::string::npos);
}

void WriteWords(prim::Word* word, std::uint32_t* torn) {
  if (prim::Block().x == 0) {
    for (std::uint64_t i = 1; i <= 20; ++i) prim::StoreRelaxed(word, {{i, i}});
    return;
  }
  prim::Word seen = {};
  while (seen.half[0] < 20 || seen.half[1] < 20) {
    prim::Pause();
    seen = prim::LoadRelaxed(word);
    *torn += seen.half[0] != seen.half[1];
  }
}
TEST(EmulatorTest, WordsComeInHalves) {
  std::uint32_t torn = 0;
  for (emulator::seed = 1; emulator::seed <= 20; ++emulator::seed) {
    prim::Word word = {};
    EXPECT_EQ(Launch(WriteWords, Config(2, 1), &word, &torn), "");
  }
  emulator::seed = 0;
  EXPECT_GT(torn, 0u);
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
