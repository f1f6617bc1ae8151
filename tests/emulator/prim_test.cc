// Every primitive of cuda/prim.cuh by itself. Compiled by nvcc (tests/gpu/prim_test.cu) it asks a
// GPU the same questions: run that first wherever a new kind of GPU is met.
#include "cuda/prim.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "cuda/math.cuh"
#include "cuda/noise.cuh"
#include "cuda/product.cuh"
#include "cuda/runtime.cuh"
#include "tests/emulator/device_memory.h"

namespace tfrnn::cuda {
namespace {

int Arch() {
  DeviceLimits device;
  return CurrentDevice(&device).empty() ? device.arch : 0;
}

LaunchConfig Threads(unsigned threads, std::size_t shared_bytes = 0) {
  LaunchConfig config;
  config.threads = threads, config.shared_bytes = shared_bytes;
  return config;
}

// ---- Matrices: small integers, exact in every type and sum.
template <typename T>
std::vector<T> Integers(int count, int factor) {
  std::vector<T> values;
  for (int i = 0; i < count; ++i) {
    values.emplace_back();
    Store(static_cast<float>(i * factor % 13 - 6), &values.back());
  }
  return values;
}

// c [16, 16] = a [16, depth] · b [16, depth]ᵀ for a depth of 32 bytes, through shared memory.
template <typename T>
TFRNN_KERNEL(32)
Multiply16(const T* a, const T* b, float* c) {
  if constexpr (prim::HasMatrices<T>()) {
    constexpr int kDepth = 32 / sizeof(T), kStride = 48;
    unsigned char* const a_rows = prim::SharedMemory();
    unsigned char* const b_rows = a_rows + 16 * kStride;
    const int lane = prim::Lane();
    for (int i = lane; i < 16 * kDepth; i += 32) {
      reinterpret_cast<T*>(a_rows + i / kDepth * kStride)[i % kDepth] = a[i];
      reinterpret_cast<T*>(b_rows + i / kDepth * kStride)[i % kDepth] = b[i];
    }
    prim::SyncBlock();
    std::uint32_t x[1][4], words[4];
    prim::LoadMatrices(x[0], a_rows + lane % 16 * kStride + lane / 16 * 16);
    prim::LoadMatrices(words, b_rows + (lane % 8 + lane / 16 * 8) * kStride + lane / 8 % 2 * 16);
    const std::uint32_t y[2][2] = {{words[0], words[1]}, {words[2], words[3]}};
    float sum[1][2][4];
    for (int column = 0; column < 2; ++column) {
      for (int i = 0; i < 4; ++i) sum[0][column][i] = 100;  // it adds
    }
    prim::MultiplyAdd<T>(sum, x, y);
    for (int column = 0; column < 2; ++column) {
      for (int i = 0; i < 4; ++i) {
        c[(lane / 4 + i / 2 * 8) * 16 + column * 8 + lane % 4 * 2 + i % 2] = sum[0][column][i];
      }
    }
  }
}

template <typename T>
class MatrixTest : public testing::Test {};
using MatrixTypes = testing::Types<Half, BFloat16, float>;
TYPED_TEST_SUITE(MatrixTest, MatrixTypes);

TYPED_TEST(MatrixTest, FragmentsAreLaidOutAsDocumented) {
  using T = TypeParam;
  if (Arch() < 80 && !std::is_same_v<T, Half>) GTEST_SKIP() << "no matrix instruction";
  constexpr int kDepth = 32 / sizeof(T);
  const std::vector<T> a = Integers<T>(16 * kDepth, 5), b = Integers<T>(16 * kDepth, 7);
  const DeviceArray<T> device_a(a), device_b(b);
  const DeviceArray<float> device_c(256);
  ASSERT_EQ(Launch(Multiply16<T>, Threads(32, 2 * 16 * 48), static_cast<const T*>(device_a.get()),
                   static_cast<const T*>(device_b.get()), device_c.get()),
            "");
  const std::vector<float> c = device_c.Read();
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 16; ++j) {
      float want = 100;
      for (int k = 0; k < kDepth; ++k) want += Load(a[i * kDepth + k]) * Load(b[j * kDepth + k]);
      EXPECT_EQ(c[i * 16 + j], want) << i << ", " << j;
    }
  }
}

// ---- Warps.
TFRNN_KERNEL(64) Largest(const int* x, int* largest) {
  largest[prim::Thread()] = prim::MaxOfWarp(x[prim::Thread()]);
}

TEST(WarpTest, EveryLaneLearnsTheLargest) {
  for (int at : {0, 17, 31}) {
    std::vector<int> x(64, -5);
    x[at] = -2, x[63 - at] = 7;
    const DeviceArray<int> in(x), out(64);
    ASSERT_EQ(Launch(Largest, Threads(64), static_cast<const int*>(in.get()), out.get()), "");
    std::vector<int> want(64, -2);
    for (int i = 32; i < 64; ++i) want[i] = 7;
    EXPECT_EQ(out.Read(), want);
  }
}

// ---- Values.
TFRNN_KERNEL(256)
Values(const float* x, int count, float* sigmoid, float* tanh, std::uint32_t* tf32, Half* half,
       BFloat16* bfloat) {
  for (int i = prim::Thread(); i < count; i += prim::Threads()) {
    sigmoid[i] = Math<float>::Sigmoid(x[i]);
    tanh[i] = Math<float>::Tanh(x[i]);
    tf32[i] = prim::RoundToTf32(x[i]);
    half[i] = prim::FromFloat<Half>(x[i]);
    bfloat[i] = prim::FromFloat<BFloat16>(x[i]);
  }
}

TEST(ValueTest, FunctionsAndRoundings) {
  std::vector<float> x = {0,
                          -0.0f,
                          1e-30f,
                          1e-6f,
                          0.3f,
                          0.29999f,
                          1,
                          30,
                          100,
                          1000,
                          65519,
                          65520,
                          1.00048828125f,
                          6e-8f,
                          std::numeric_limits<float>::infinity()};
  for (int i = 0; i < 2000; ++i) x.push_back(0.005f * static_cast<float>(i));
  for (std::size_t i = 0, n = x.size(); i < n; ++i) x.push_back(-x[i]);
  const int count = static_cast<int>(x.size());
  const DeviceArray<float> in(x), sigmoid(x.size()), tanh(x.size());
  const DeviceArray<std::uint32_t> tf32(x.size());
  const DeviceArray<Half> half(x.size());
  const DeviceArray<BFloat16> bfloat(x.size());
  ASSERT_EQ(Launch(Values, Threads(256), static_cast<const float*>(in.get()), count, sigmoid.get(),
                   tanh.get(), tf32.get(), half.get(), bfloat.get()),
            "");
  const auto s = sigmoid.Read(), t = tanh.Read();
  const auto rounded = tf32.Read();
  const auto h = half.Read();
  const auto b = bfloat.Read();
  for (int i = 0; i < count; ++i) {
    const double exact_s = 1 / (1 + std::exp(-double{x[i]})), exact_t = std::tanh(double{x[i]});
    // Where sigmoid is tiny, its exponent's rounding counts: relative to 1 it never does.
    EXPECT_NEAR(s[i], exact_s, 3e-7) << x[i];
    EXPECT_NEAR(t[i], exact_t, 1e-6 * std::abs(exact_t) + 1e-37) << x[i];
    Half want_half;
    BFloat16 want_bfloat;
    Store(x[i], &want_half);
    Store(x[i], &want_bfloat);
    EXPECT_EQ(h[i].bits, want_half.bits) << x[i];
    EXPECT_EQ(b[i].bits, want_bfloat.bits) << x[i];
    if (Arch() < 80 || !std::isfinite(x[i])) continue;
    EXPECT_EQ(rounded[i] & 0x1fff, 0u) << x[i];
    EXPECT_LE(std::abs(internal::BitCast<float>(rounded[i]) - x[i]),
              std::ldexp(std::abs(x[i]), -11))
        << x[i];
  }
}

TFRNN_KERNEL(32) DrawBits(const Noise noise, int time, int batch, int units, std::uint32_t* bits) {
  const int i = prim::Thread();
  if (i >= time * batch * units) return;
  bits[i] = RandomBits(noise, 1, i / units / batch, i / units % batch, i % units, batch, units);
}

// Of tf.raw_ops.StatelessRandomUniformFullIntV2(shape=[2, 2, 8], key=[123456789012345],
// counter=[0, 1 + (77 << 32)], alg=1)[t, b, :6], t and b in order.
TEST(NoiseTest, BitsAreTensorFlows) {
  const std::vector<std::uint32_t> want = {
      0xf9c4195du, 0xca10e843u, 0x6f9c827eu, 0x06236f71u, 0x376743d7u, 0x12c628cdu,
      0xc455648eu, 0x4f841c6eu, 0x786194feu, 0x686ebfd9u, 0xfdc06680u, 0x5266db05u,
      0x11a67531u, 0xbc84c628u, 0x9b6a959bu, 0xacc1fb6eu, 0x4a35b8f7u, 0xefa3c40fu,
      0x1f17c983u, 0x31b2991fu, 0x33427f30u, 0x9892b645u, 0x4cf7b09au, 0x362639ddu};
  Noise noise;
  const std::uint64_t key = 123456789012345;
  noise.key[0] = static_cast<std::uint32_t>(key), noise.key[1] = key >> 32;
  noise.counter = 77;
  const DeviceArray<std::uint32_t> bits(24);
  ASSERT_EQ(Launch(DrawBits, Threads(32), noise, 2, 2, 6, bits.get()), "");
  EXPECT_EQ(bits.Read(), want);
}

// ---- Copies and barriers.
TFRNN_KERNEL(64) CopyIn(const int* from, int* to) {
  int* const shared = reinterpret_cast<int*>(prim::SharedMemory());
  prim::CopyAsync16(shared + 4 * prim::Thread(), from + 4 * prim::Thread());
  prim::WaitForCopies();
  prim::SyncBlock();
  for (int i = 0; i < 4; ++i) {  // what another thread copied
    to[4 * prim::Thread() + i] = shared[4 * (63 - prim::Thread()) + i];
  }
}

TEST(CopyTest, ArrivesBeforeTheBarrierBehindIt) {
  std::vector<int> values;
  for (int i = 0; i < 256; ++i) values.push_back(i * i);
  const DeviceArray<int> in(values), out(256);
  ASSERT_EQ(Launch(CopyIn, Threads(64, 1024), static_cast<const int*>(in.get()), out.get()), "");
  const std::vector<int> got = out.Read();
  for (int i = 0; i < 256; ++i) EXPECT_EQ(got[i], values[4 * (63 - i / 4) + i % 4]);
}

struct alignas(16) Piece {
  int v[4];
};

// Every block sends 16 bytes a thread to the next; twice, into two buffers.
TFRNN_KERNEL(32) PassAround(int blocks, int* out) {
  Piece* const buffers = reinterpret_cast<Piece*>(prim::SharedMemory());
  const int rank = static_cast<int>(prim::Block().x), thread = static_cast<int>(prim::Thread());
  for (int i = 0; i < 4; ++i) buffers[thread].v[i] = 1000 * rank + 4 * thread + i;
  prim::ArriveCluster();
  prim::WaitCluster();
  for (int round = 1; round <= 2; ++round) {
    // From buffer round - 1 of this block to buffer `round` of the next.
    Piece* const from = buffers + (round - 1) * 32 + thread;
    Piece* const to = buffers + round * 32 + thread;
    for (int i = 0; i < 4; ++i) to->v[i] = from->v[i];
    prim::ArriveCluster();
    prim::WaitCluster();
    prim::StoreRemote16(to, (rank + 1) % blocks, from);
    prim::ArriveCluster();
    prim::WaitCluster();
  }
  for (int i = 0; i < 4; ++i) out[(rank * 32 + thread) * 4 + i] = buffers[64 + thread].v[i];
}

TEST(ClusterTest, StoresArriveAtTheRightBlock) {
  if (Arch() < 90) GTEST_SKIP() << "no clusters";
  for (int blocks : {2, 8}) {
    const DeviceArray<int> out(blocks * 128);
    LaunchConfig config = Threads(32, 3 * 512);
    config.grid_x = config.cluster = blocks;
    ASSERT_EQ(Launch(PassAround, config, blocks, out.get()), "");
    const std::vector<int> got = out.Read();
    for (int i = 0; i < blocks * 128; ++i) {
      EXPECT_EQ(got[i], 1000 * ((i / 128 + blocks - 2) % blocks) + i % 128) << i;
    }
  }
}

// Pairs of blocks swap `rounds` times, into two buffers in turn, each with a barrier that counts 16
// bytes of every thread and an arrival of every warp. What a block sends is what it received, and
// one more. The barriers alone keep a pair in step.
TFRNN_KERNEL(64) SwapAsync(int rounds, int* out) {
  unsigned char* const shared = prim::SharedMemory();
  Piece* const buffers = reinterpret_cast<Piece*>(shared + 16);  // two to receive, one to send from
  const int rank = static_cast<int>(prim::Block().x), thread = static_cast<int>(prim::Thread());
  const int threads = static_cast<int>(prim::Threads());
  Piece* const own = buffers + 2 * threads + thread;
  if (thread == 0) {
    for (int i = 0; i < 2; ++i) prim::InitBarrier(shared + 8 * i, threads / 32);
    prim::FenceBarriers();
  }
  prim::ArriveCluster();
  prim::WaitCluster();
  for (int i = 0; i < 4; ++i) own->v[i] = 1000 * rank + 4 * thread + i;
  for (int round = 0; round < rounds; ++round) {
    unsigned char* const barrier = shared + round % 2 * 8;
    Piece* const to = buffers + round % 2 * threads + thread;
    prim::SyncWarp();
    if (thread == 0) {
      prim::ExpectBytes(barrier, 16 * threads);
    } else if (prim::Lane() == 0) {
      prim::ArriveBarrier(barrier);
    }
    prim::StoreAsync16(to, rank ^ 1, own, barrier);
    prim::WaitBarrier(barrier, round / 2 % 2);
    for (int i = 0; i < 4; ++i) own->v[i] = to->v[i] + 1;
    prim::SyncBlock();
  }
  for (int i = 0; i < 4; ++i) out[(rank * threads + thread) * 4 + i] = own->v[i];
}

TEST(ClusterTest, BarriersCountTheBytesOfAsynchronousStores) {
  if (Arch() < 90) GTEST_SKIP() << "no clusters";
  for (int blocks : {2, 8}) {
    constexpr int kRounds = 9, kThreads = 64;
    const DeviceArray<int> out(blocks * kThreads * 4);
    LaunchConfig config = Threads(kThreads, 16 + 3 * 16 * kThreads);
    config.grid_x = config.cluster = blocks;
    ASSERT_EQ(Launch(SwapAsync, config, kRounds, out.get()), "");
    const std::vector<int> got = out.Read();
    for (int i = 0; i < blocks * kThreads * 4; ++i) {
      const int other = i / (kThreads * 4) ^ 1;
      EXPECT_EQ(got[i], 1000 * other + i % (kThreads * 4) + kRounds) << i;
    }
  }
}

TFRNN_KERNEL(64) Vote(const int* votes, unsigned* out) {
  out[prim::Thread()] = prim::Ballot(votes[prim::Thread()] != 0);
}

TEST(WarpTest, BallotsAreOfAWarp) {
  std::vector<int> votes;
  std::vector<unsigned> want(64);
  for (int i = 0; i < 64; ++i) votes.push_back(i * i % 7 < 3);
  for (int i = 0; i < 64; ++i) {
    for (int lane = 0; lane < 32; ++lane) want[i] |= votes[i / 32 * 32 + lane] << lane;
  }
  const DeviceArray<int> in(votes);
  const DeviceArray<unsigned> out(64);
  ASSERT_EQ(Launch(Vote, Threads(64), static_cast<const int*>(in.get()), out.get()), "");
  EXPECT_EQ(out.Read(), want);
}

// Two blocks hand each other words of which every half tells the round.
TFRNN_KERNEL(32) PingPong(int rounds, prim::Word* words, std::uint64_t* sums) {
  const unsigned rank = prim::Block().x, thread = prim::Thread();
  std::uint64_t sum = 0;
  for (int round = 1; round <= rounds; ++round) {
    const std::uint64_t now = round;
    prim::StoreRelaxed(words + 32 * rank + thread, {{now << 32 | thread, now << 32 | (rank + 1)}});
    prim::Word word = prim::LoadRelaxed(words + 32 * (1 - rank) + thread);
    while (word.half[0] >> 32 < now ||
           prim::LoadRelaxed(&words[32 * (1 - rank) + thread].half[1]) >> 32 < now) {
      prim::Pause();
      word = prim::LoadRelaxed(words + 32 * (1 - rank) + thread);
    }
    sum += word.half[0] & 0xffffffff;
  }
  sums[32 * rank + thread] = sum;
}

TEST(GridTest, WordsArriveWithoutAFlag) {
  constexpr int kRounds = 20;
  const DeviceArray<prim::Word> words(64);
  const DeviceArray<std::uint64_t> sums(64);
  LaunchConfig config = Threads(32);
  config.grid_x = 2, config.cooperative = true;
  ASSERT_EQ(Launch(PingPong, config, kRounds, words.get(), sums.get()), "");
  const auto got = sums.Read();
  for (std::uint64_t i = 0; i < 64; ++i) EXPECT_EQ(got[i], kRounds * (i % 32));
}

// Block after block adds its share to the words of the one before.
TFRNN_KERNEL(32) Chain(int rounds, std::uint32_t* flags, int* values) {
  int* const shared = reinterpret_cast<int*>(prim::SharedMemory());
  const int rank = static_cast<int>(prim::Block().x), blocks = 4, thread = prim::Thread();
  for (int round = 0; round < rounds; ++round) {
    const int turn = round * blocks + rank;
    if (turn > 0) {
      if (thread == 0) prim::Await(flags + (rank + blocks - 1) % blocks, turn);
      prim::SyncBlock();
      if (thread < 8) prim::CopyAsync16(shared + 4 * thread, values + 4 * thread);
      prim::WaitForCopies();
      prim::SyncBlock();
      values[thread] = shared[thread] + rank + 1;
    }
    prim::SyncBlock();
    if (thread == 0) prim::Signal(flags + rank, turn + 1);
  }
}

TEST(GridTest, FlagsOrderWhatIsWritten) {
  const DeviceArray<std::uint32_t> flags(4);
  const DeviceArray<int> values(32);
  LaunchConfig config = Threads(32, 128);
  config.grid_x = 4, config.cooperative = true;
  ASSERT_EQ(Launch(Chain, config, 5, flags.get(), values.get()), "");
  EXPECT_EQ(values.Read(), std::vector<int>(32, 5 * (1 + 2 + 3 + 4) - 1));
}

}  // namespace
}  // namespace tfrnn::cuda
