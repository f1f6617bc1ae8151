// How long it takes until everybody has what everybody else has computed, by each way there is.
// Every kernel repeats one exchange kRepeats times, each depending on the one before, and leaves
// the cycles of all in *cycles.
#pragma once

#include "cuda/microbench/ptx.cuh"
#include "cuda/tagged.cuh"

namespace tfrnn::microbench {

constexpr int kRepeats = 2000;
constexpr int kThreads = 256;

__device__ __forceinline__ void Report(long long* cycles, long long start) {
  const long long elapsed = clock64() - start;
  if (threadIdx.x == 0 && blockIdx.x == 0) *cycles = elapsed;
}

__global__ void __launch_bounds__(kThreads) BlockExchange(long long* cycles, std::uint32_t* sink) {
  __shared__ std::uint32_t words[2][kThreads];
  std::uint32_t value = threadIdx.x;
  __syncthreads();
  const long long start = clock64();
  for (int i = 0; i < kRepeats; ++i) {
    words[i & 1][threadIdx.x] = value;
    __syncthreads();
    value += words[i & 1][(threadIdx.x + 33) % kThreads];
  }
  Report(cycles, start);
  sink[blockIdx.x * kThreads + threadIdx.x] = value;
}

// Pushes `words` units of 16 bytes from each block to every block of the cluster.
__global__ void __launch_bounds__(kThreads)
    ClusterExchange(long long* cycles, std::uint32_t* sink, int blocks, int words) {
  extern __shared__ uint4 buffer[];  // [2][blocks][words]
  const std::uint32_t rank = ClusterRank();
  std::uint32_t value = threadIdx.x;
  ClusterBarrier();
  const long long start = clock64();
  for (int i = 0; i < kRepeats; ++i) {
    uint4* const to = buffer + (i & 1) * blocks * words;
    for (int k = threadIdx.x; k < blocks * words; k += kThreads) {
      const int peer = (k / words + rank) % blocks;  // not all to the same one at once
      StoreToPeer(PeerAddress(SharedAddress(to + rank * words + k % words), peer),
                  make_uint4(value, i, k, rank));
    }
    ClusterBarrier();
    value += to[threadIdx.x % (blocks * words)].x;
  }
  Report(cycles, start);
  sink[blockIdx.x * kThreads + threadIdx.x] = value;
}

// The same with 16 bytes a block, and a barrier that counts them instead of the cluster's, as in
// cuda/exchange.cuh.
__global__ void __launch_bounds__(kThreads)
    ClusterAsyncExchange(long long* cycles, std::uint32_t* sink, int blocks) {
  extern __shared__ uint4 buffer[];  // [2][blocks]
  __shared__ std::uint64_t barriers[2];
  const int rank = static_cast<int>(ClusterRank()), thread = static_cast<int>(threadIdx.x);
  std::uint32_t value = threadIdx.x;
  if (thread == 0) {
    for (std::uint64_t& barrier : barriers) prim::InitBarrier(&barrier, 1);
    prim::FenceBarriers();
  }
  ClusterBarrier();
  const long long start = clock64();
  for (int i = 0; i < kRepeats; ++i) {
    uint4* const to = buffer + (i & 1) * blocks;
    std::uint64_t* const barrier = &barriers[i & 1];
    if (thread == 0) to[rank] = make_uint4(value, i, rank, rank);
    __syncthreads();
    if (thread == 0) prim::ExpectBytes(barrier, 16 * (blocks - 1));
    if (thread < blocks - 1) {
      prim::StoreAsync16(to + rank, (rank + 1 + thread) % blocks, to + rank, barrier);
    }
    prim::WaitBarrier(barrier, (i >> 1) & 1);
    value += to[thread % blocks].x;
    __syncthreads();  // all have read before anybody sends the next but one
  }
  Report(cycles, start);
  sink[blockIdx.x * kThreads + threadIdx.x] = value;
}

// A counter in L2, then the first load of what another block has written.
__global__ void __launch_bounds__(kThreads)
    CounterExchange(long long* cycles, std::uint32_t* counter, std::uint32_t* data) {
  const unsigned blocks = gridDim.x;
  std::uint32_t value = threadIdx.x;
  const long long start = clock64();
  for (unsigned i = 1; i <= kRepeats; ++i) {
    std::uint32_t* const to = data + (i & 1) * blocks * kThreads;
    to[blockIdx.x * kThreads + threadIdx.x] = value;
    __syncthreads();
    if (threadIdx.x == 0) {
      AddRelease(counter);
      while (LoadAcquire(counter) < i * blocks) {
      }
    }
    __syncthreads();
    value += LoadRelaxed(to + (blockIdx.x + 1) % blocks * kThreads + threadIdx.x);
  }
  Report(cycles, start);
}

// The same with a flag for each block, 32 bytes apart, which the threads of a warp watch.
__global__ void __launch_bounds__(kThreads)
    GridExchange(long long* cycles, std::uint32_t* flags, std::uint32_t* data) {
  const unsigned blocks = gridDim.x;
  std::uint32_t value = threadIdx.x;
  const long long start = clock64();
  for (std::uint32_t i = 1; i <= kRepeats; ++i) {
    std::uint32_t* const to = data + (i & 1) * blocks * kThreads;
    to[blockIdx.x * kThreads + threadIdx.x] = value;
    __syncthreads();
    if (threadIdx.x == 0) StoreRelease(flags + 8 * blockIdx.x, i);
    if (threadIdx.x < 32) {
      for (unsigned k = threadIdx.x; k < blocks; k += 32) {
        while (LoadAcquire(flags + 8 * k) < i) {
        }
      }
    }
    __syncthreads();
    value += LoadRelaxed(to + (blockIdx.x + 1) % blocks * kThreads + threadIdx.x);
  }
  Report(cycles, start);
}

// Words that say themselves whether they are new, as in cuda/exchange.cuh: data is [2][blocks][2],
// zeroed.
__global__ void __launch_bounds__(kThreads)
    DataAsFlagExchange(long long* cycles, prim::Word* data) {
  std::uint32_t value = threadIdx.x;
  const long long start = clock64();
  for (std::uint32_t i = 1; i <= kRepeats; ++i) {
    prim::Word* const words = data + (i & 1) * 2 * gridDim.x;
    const unsigned tag = 1 - (i - 1) / 2 % 2;
    __syncthreads();
    if (threadIdx.x < 32) {
      prim::Word word = {{value, i}};
      const prim::Word carriers = cuda::Seal(&word, tag);
      if (threadIdx.x == 0) {
        prim::StoreRelaxed(words + 2 * blockIdx.x, word);
        prim::StoreRelaxed(words + 2 * blockIdx.x + 1, carriers);
      }
    }
    for (unsigned k = threadIdx.x; k < gridDim.x; k += kThreads) {
      prim::Word word;
      cuda::Carrier carrier;
      do {
        word = prim::LoadRelaxed(words + 2 * k);
        carrier = prim::LoadRelaxed(&words[2 * k + 1].half[0]);
      } while (!cuda::HasTag(word, carrier, tag));
      value += static_cast<std::uint32_t>(cuda::Open(word, carrier, 0).half[0]);
    }
    __syncthreads();
  }
  Report(cycles, start);
}

}  // namespace tfrnn::microbench
