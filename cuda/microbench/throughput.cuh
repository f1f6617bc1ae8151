// Rates and latencies of a multiprocessor, and the bare bones of a step. As in exchange.cuh, every
// kernel leaves the cycles of all its repeats in *cycles, and its results in *sink, so that the
// compiler keeps the work.
#pragma once

#include "csrc/cells/lstm.h"
#include "cuda/math.cuh"
#include "cuda/microbench/exchange.cuh"

namespace tfrnn::microbench {

// One thread follows pointers through memory that fits L2, past L1.
__global__ void L2Latency(long long* cycles, const std::uint32_t* next, std::uint32_t* sink) {
  std::uint32_t at = 0;
  const long long start = clock64();
  for (int i = 0; i < kRepeats; ++i) at = __ldcg(next + at);
  Report(cycles, start);
  *sink = at;
}

// All blocks bring the same `words` units of 16 bytes to shared memory, as they do with h.
__global__ void __launch_bounds__(kThreads)
    L2Broadcast(long long* cycles, const uint4* data, int words, std::uint32_t* sink) {
  extern __shared__ uint4 buffer[];
  __syncthreads();
  const long long start = clock64();
  for (int i = 0; i < kRepeats / 10; ++i) {
    for (int k = threadIdx.x; k < words; k += kThreads) CopyToShared(buffer + k, data + k);
    WaitForCopies();
    __syncthreads();
  }
  Report(cycles, start);
  sink[blockIdx.x * kThreads + threadIdx.x] = buffer[threadIdx.x].x;
}

constexpr int kSharedWords = 2048;  // 32 KiB, read by all warps of a block
__global__ void __launch_bounds__(kThreads) SharedRead(long long* cycles, std::uint32_t* sink) {
  __shared__ uint4 buffer[kSharedWords];
  for (int k = threadIdx.x; k < kSharedWords; k += kThreads) buffer[k] = make_uint4(k, 1, 2, 3);
  __syncthreads();
  const std::uint32_t first = SharedAddress(buffer + threadIdx.x);
  std::uint32_t sum = 0;
  const long long start = clock64();
  for (int i = 0; i < kRepeats / 10; ++i) {
#pragma unroll
    for (int k = 0; k < kSharedWords; k += kThreads) {
      const uint4 v = LoadShared(first + 16 * k);
      sum += v.x ^ v.y ^ v.z ^ v.w;
    }
  }
  Report(cycles, start);
  sink[blockIdx.x * kThreads + threadIdx.x] = sum;
}

struct Mma16BitOp {
  static __device__ void Run(float (&c)[4], std::uint32_t a) { Mma16Bit(c, a, a * 7); }
};
struct MmaTf32Op {
  static __device__ void Run(float (&c)[4], std::uint32_t a) { MmaTf32(c, a, a * 7); }
};

constexpr int kMmaRepeats = 512;

// kChains instructions that do not depend on each other, kMmaRepeats times in a row.
template <typename Op, int kChains>
__global__ void __launch_bounds__(kThreads) MmaRate(long long* cycles, std::uint32_t* sink) {
  float c[kChains][4] = {};
  __syncthreads();
  const long long start = clock64();
  for (int i = 0; i < kMmaRepeats; ++i) {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) Op::Run(c[chain], threadIdx.x);
  }
  __syncthreads();
  Report(cycles, start);
  float sum = 0;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) sum += c[chain][0];
  sink[blockIdx.x * kThreads + threadIdx.x] = __float_as_uint(sum);
}

constexpr int kArithmeticChains = 8;

template <typename T>
struct FmaOp {
  static __device__ T Run(T x) { return x * T(0.999) + T(0.001); }
};
struct SpecialOp {
  static __device__ float Run(float x) { return Exponential(x); }
};

template <typename T, typename Op>
__global__ void __launch_bounds__(4 * kThreads) ArithmeticRate(long long* cycles, T* sink) {
  T x[kArithmeticChains];
#pragma unroll
  for (int chain = 0; chain < kArithmeticChains; ++chain) x[chain] = T(threadIdx.x + chain);
  __syncthreads();
  const long long start = clock64();
  for (int i = 0; i < kMmaRepeats; ++i) {
#pragma unroll
    for (int chain = 0; chain < kArithmeticChains; ++chain) x[chain] = Op::Run(x[chain]);
  }
  __syncthreads();
  Report(cycles, start);
  T sum = 0;
#pragma unroll
  for (int chain = 0; chain < kArithmeticChains; ++chain) sum += x[chain];
  sink[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// The gates of one LSTM element, each step's sums made from the last step's h.
__global__ void Pointwise(long long* cycles, std::uint32_t* sink) {
  float state[2] = {0.1f * static_cast<float>(threadIdx.x), 0.0f};
  const long long start = clock64();
  for (int i = 0; i < kRepeats; ++i) {
    const float sums[4] = {state[0], state[0] + 0.1f, state[0] - 0.1f, state[0] + 0.2f};
    float next[2], saved[4];
    Lstm<float>::Forward(Standard<float>(), sums, state, next, saved);
    state[0] = next[0], state[1] = next[1];
  }
  Report(cycles, start);
  sink[threadIdx.x] = __float_as_uint(state[0]);
}

// A step without product, gates and exchange: the next x is on its way, the last y is left behind.
// x comes from L1, since nothing else here takes the time that L2 needs.
__global__ void __launch_bounds__(kThreads)
    EmptyStep(long long* cycles, const float* x, float* y, int stride) {
  __shared__ float h[2][kThreads];
  const int at = blockIdx.x * kThreads + threadIdx.x;
  float value = 0, prefetched[4];
#pragma unroll
  for (int g = 0; g < 4; ++g) prefetched[g] = x[at + g * stride];
  const long long start = clock64();
  for (int t = 0; t < kRepeats; ++t) {
    float sum = value;
    const float* const later = x + (t & 7) * 4 * stride;
#pragma unroll
    for (int g = 0; g < 4; ++g) {
      sum += prefetched[g];
      prefetched[g] = later[at + g * stride];
    }
    h[t & 1][threadIdx.x] = sum;
    y[at + (t & 7) * stride] = sum;
    __syncthreads();
    value = 0.5f * h[t & 1][(threadIdx.x + 33) % kThreads];
  }
  Report(cycles, start);
}

// Keeps every multiprocessor busy, and leaves the cycles it took and the nanoseconds.
__global__ void __launch_bounds__(kThreads)
    Clock(long long* cycles, std::uint64_t* nanoseconds, std::uint32_t* sink) {
  float x = static_cast<float>(threadIdx.x);
  const std::uint64_t from = Nanoseconds();
  const long long start = clock64();
  for (int i = 0; i < 1000 * kRepeats; ++i) x = x * 0.999f + 0.001f;
  Report(cycles, start);
  if (threadIdx.x == 0 && blockIdx.x == 0) *nanoseconds = Nanoseconds() - from;
  sink[blockIdx.x * kThreads + threadIdx.x] = __float_as_uint(x);
}

// ---- whole kernels, timed from outside

__global__ void Nothing() {}

__global__ void NothingButDependent() {
#if TFRNN_ARCH >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// What a product with streamed weights does before and after its arithmetic: `words` units of 16
// bytes a block, from L2 to shared memory, then one store.
__global__ void __launch_bounds__(kThreads)
    Stream(const uint4* data, int words, std::uint32_t* sink) {
  extern __shared__ uint4 buffer[];
  const uint4* const from = data + static_cast<std::size_t>(blockIdx.x) * words;
  for (int k = threadIdx.x; k < words; k += kThreads) CopyToShared(buffer + k, from + k);
  WaitForCopies();
  __syncthreads();
  sink[blockIdx.x * kThreads + threadIdx.x] = buffer[(threadIdx.x + 33) % words].x;
}

}  // namespace tfrnn::microbench
