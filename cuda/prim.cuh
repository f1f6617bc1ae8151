// What kernels are made of. The only file that knows whether it runs on a GPU: elsewhere
// tests/emulator/prim.h provides the same names for the same kernels on a CPU.
//
// Matrix fragments are those of mma.sync: for operand A of 16 rows by 32 bytes of depth, a lane
// holds a[0], a[1] of rows lane / 4 and lane / 4 + 8 at byte 4 * (lane % 4), and a[2], a[3] of the
// same rows 16 bytes on; of B, b[0] and b[1] of column lane / 4 likewise; of the result rows
// lane / 4 and + 8 at columns 2 * (lane % 4) and + 1.
#pragma once

#include "csrc/core/types.h"

#if !defined(__CUDACC__)
#include "tests/emulator/prim.h"
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#define TFRNN_KERNEL(max_threads) __global__ void __launch_bounds__(max_threads, 1)
#define TFRNN_DEVICE __device__ __forceinline__
#define TFRNN_OUTLINE __device__ __noinline__
#define TFRNN_UNROLL _Pragma("unroll")

namespace tfrnn::prim {

// ---- Where a thread is.
TFRNN_DEVICE unsigned Thread() { return threadIdx.x; }
TFRNN_DEVICE unsigned Threads() { return blockDim.x; }
TFRNN_DEVICE unsigned Lane() { return threadIdx.x % 32; }
TFRNN_DEVICE dim3 Block() { return dim3(blockIdx.x, blockIdx.y, blockIdx.z); }
TFRNN_DEVICE unsigned char* SharedMemory() {
  extern __shared__ __align__(128) unsigned char tfrnn_shared[];
  return tfrnn_shared;
}

// ---- Storage types.
TFRNN_DEVICE float ToFloat(float x) { return x; }
TFRNN_DEVICE double ToFloat(double x) { return x; }
TFRNN_DEVICE float ToFloat(Half x) { return __half2float(__ushort_as_half(x.bits)); }
TFRNN_DEVICE float ToFloat(BFloat16 x) { return __bfloat162float(__ushort_as_bfloat16(x.bits)); }
template <typename T>
TFRNN_DEVICE T FromFloat(ComputeType<T> x);
template <>
TFRNN_DEVICE float FromFloat<float>(float x) {
  return x;
}
template <>
TFRNN_DEVICE double FromFloat<double>(double x) {
  return x;
}
template <>
TFRNN_DEVICE Half FromFloat<Half>(float x) {
  return Half{__half_as_ushort(__float2half_rn(x))};
}
template <>
TFRNN_DEVICE BFloat16 FromFloat<BFloat16>(float x) {
  return BFloat16{__bfloat16_as_ushort(__float2bfloat16_rn(x))};
}

// The same number, of which the processor knows that it has come: what takes a number as it was
// loaded waits, and in a loop it waits for everything that was loaded since. Blocks have one
// dimension, so that this adds nothing, which the compiler does not know.
TFRNN_DEVICE float Arrived(float x) { return __uint_as_float(__float_as_uint(x) ^ threadIdx.y); }
TFRNN_DEVICE double Arrived(double x) { return x; }

// ---- Fast functions, correct to about two units in the last place.
TFRNN_DEVICE float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
TFRNN_DEVICE float Reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
TFRNN_DEVICE unsigned MultiplyHigh(unsigned a, unsigned b) { return __umulhi(a, b); }

// ---- Threads of a block.
TFRNN_DEVICE void SyncBlock() { __syncthreads(); }
TFRNN_DEVICE void SyncWarp() { __syncwarp(); }

// Copies 16 aligned bytes into shared memory, any time before WaitForCopies returns; only this
// thread sees them then.
TFRNN_DEVICE void CopyAsync16(void* shared, const void* global) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(shared))),
               "l"(global)
               : "memory");
#else
  *static_cast<int4*>(shared) = __ldcg(static_cast<const int4*>(global));
#endif
}
TFRNN_DEVICE void WaitForCopies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// ---- Blocks of a cluster. A store to another block's shared memory has arrived when that block's
// WaitCluster returns after this one's ArriveCluster.
#if __CUDA_ARCH__ >= 900
TFRNN_DEVICE void ArriveCluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
TFRNN_DEVICE void WaitCluster() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
// A barrier in shared memory (mbarrier), 8 aligned bytes, for the one block that it lies in: its
// phase ends when so many threads have arrived and all the bytes announced have been stored; bytes
// may come before they are announced. The phases' parities are 0, 1, 0...
TFRNN_DEVICE unsigned SharedAddress(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}
TFRNN_DEVICE void InitBarrier(void* barrier, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(SharedAddress(barrier)),
               "r"(arrivals)
               : "memory");
}
// Between this thread's InitBarrier and the ArriveCluster that tells the others of it.
TFRNN_DEVICE void FenceBarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
// Arrives in the phase under way. What this thread did to shared memory before it, the block's
// threads do not overtake that wait for the phase's end.
TFRNN_DEVICE void ArriveBarrier(void* barrier) {
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(SharedAddress(barrier))
               : "memory");
}
// The same, and announces so many bytes, less than 2^20, for that phase.
TFRNN_DEVICE void ExpectBytes(void* barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(
                   SharedAddress(barrier)),
               "r"(bytes)
               : "memory");
}
// Returns when the phase of that parity, the current one or the one before, has ended; what its
// bytes were stored over is then seen by this thread. Orders shared memory and nothing else (PTX
// ISA, membar/fence, .sync_restrict): an acquire of all memory would empty L1 at every wait.
TFRNN_DEVICE void WaitBarrier(void* barrier, unsigned parity) {
  unsigned done;
  do {
    asm volatile(
        "{\n.reg .pred done;\n"
        "mbarrier.try_wait.parity.relaxed.cluster.shared::cta.b64 done, [%1], %2;\n"
        "selp.u32 %0, 1, 0, done;\n}"
        : "=r"(done)
        : "r"(SharedAddress(barrier)), "r"(parity)
        : "memory");
  } while (done == 0);
  asm volatile("fence.acquire.sync_restrict::shared::cluster.cluster;" ::: "memory");
}
TFRNN_DEVICE unsigned RemoteAddress(const void* shared, unsigned rank) {
  unsigned address;
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(address)
      : "r"(SharedAddress(shared)), "r"(rank));
  return address;
}
// StoreRemote16 that counts its bytes at `barrier` of the block that it stores to, in a cluster of
// more than one. A weak store whose count releases it, at cluster scope, and it alone: nothing
// else that this thread did before.
TFRNN_DEVICE void StoreAsync16(void* to, unsigned rank, const void* from, void* barrier) {
  const int4 v = *static_cast<const int4*>(from);
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, "
      "[%5];" ::"r"(RemoteAddress(to, rank)),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(RemoteAddress(barrier, rank))
      : "memory");
}
// Copies 16 aligned bytes of this block's shared memory to where `to` is in block `rank`'s.
TFRNN_DEVICE void StoreRemote16(void* to, unsigned rank, const void* from) {
  const int4 v = *static_cast<const int4*>(from);
  asm volatile("st.shared::cluster.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(RemoteAddress(to, rank)),
               "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
               : "memory");
}
#else  // launchers refuse
TFRNN_DEVICE void ArriveCluster() { __trap(); }
TFRNN_DEVICE void WaitCluster() { __trap(); }
TFRNN_DEVICE void InitBarrier(void*, unsigned) { __trap(); }
TFRNN_DEVICE void FenceBarriers() { __trap(); }
TFRNN_DEVICE void ArriveBarrier(void*) { __trap(); }
TFRNN_DEVICE void ExpectBytes(void*, unsigned) { __trap(); }
TFRNN_DEVICE void WaitBarrier(void*, unsigned) { __trap(); }
TFRNN_DEVICE void StoreAsync16(void*, unsigned, const void*, void*) { __trap(); }
TFRNN_DEVICE void StoreRemote16(void*, unsigned, const void*) { __trap(); }
#endif

// ---- Blocks of a grid. What a thread and, after SyncBlock, its block wrote before Signal is seen
// after another thread's Await, in L2: read it with CopyAsync16.
TFRNN_DEVICE void Signal(std::uint32_t* flag, std::uint32_t value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
TFRNN_DEVICE void Await(const std::uint32_t* flag, std::uint32_t at_least) {
  std::uint32_t value;
  do {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  } while (value < at_least);
}

// 16 bytes in global memory, past L1. Each half is loaded and stored whole, but the two in any
// order (PTX ISA, 8.2.4 Memory Operations on Vector Data Types), and in no order with any other
// access.
struct alignas(16) Word {
  std::uint64_t half[2];
};
TFRNN_DEVICE Word LoadRelaxed(const Word* from) {
  Word word;
  asm volatile("ld.relaxed.gpu.global.v2.b64 {%0, %1}, [%2];"
               : "=l"(word.half[0]), "=l"(word.half[1])
               : "l"(from)
               : "memory");
  return word;
}
TFRNN_DEVICE std::uint64_t LoadRelaxed(const std::uint64_t* from) {
  std::uint64_t half;
  asm volatile("ld.relaxed.gpu.global.b64 %0, [%1];" : "=l"(half) : "l"(from) : "memory");
  return half;
}
TFRNN_DEVICE void StoreRelaxed(Word* to, const Word& word) {
  asm volatile("st.relaxed.gpu.global.v2.b64 [%0], {%1, %2};" ::"l"(to), "l"(word.half[0]),
               "l"(word.half[1])
               : "memory");
}
TFRNN_DEVICE void Pause() {}  // in a loop that loads what another block will store

// ---- Threads of a warp.
TFRNN_DEVICE unsigned Ballot(bool vote) {
  return __ballot_sync(0xffffffffu, vote);
}  // bit l: lane l

// The largest x of the lanes.
TFRNN_DEVICE int MaxOfWarp(int x) {
  TFRNN_UNROLL for (int lanes = 16; lanes > 0; lanes /= 2) {
    const int other = __shfl_xor_sync(0xffffffffu, x, lanes);
    x = other > x ? other : x;
  }
  return x;
}

// ---- Matrices of a warp.

// Whether the processor that this is compiled for multiplies matrices of T.
template <typename T>
TFRNN_DEVICE constexpr bool HasMatrices() {
#if __CUDA_ARCH__ >= 800
  return sizeof(T) <= 4;
#else
  return std::is_same_v<T, Half>;
#endif
}

// Four matrices of 8 rows by 16 bytes: lane l gives the address of row l % 8 of matrix l / 8 and
// receives in out[i] bytes 4 * (l % 4) of row l / 4 of matrix i.
TFRNN_DEVICE void LoadMatrices(std::uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row)))
               : "memory");
}

// c += a * b. float is TF32: of its operands only the upper 19 bits count.
template <typename T>
TFRNN_DEVICE void MultiplyAdd(float (&c)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2]);
#if __CUDA_ARCH__ >= 800
#define TFRNN_MULTIPLY_ADD(T, form)                                                   \
  template <>                                                                         \
  TFRNN_DEVICE void MultiplyAdd<T>(float (&c)[4], const std::uint32_t (&a)[4],        \
                                   const std::uint32_t (&b)[2]) {                     \
    asm volatile("mma.sync.aligned." form                                             \
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"   \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                     \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
TFRNN_MULTIPLY_ADD(Half, "m16n8k16.row.col.f32.f16.f16.f32")
TFRNN_MULTIPLY_ADD(BFloat16, "m16n8k16.row.col.f32.bf16.bf16.f32")
TFRNN_MULTIPLY_ADD(float, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef TFRNN_MULTIPLY_ADD
#else  // Turing's form has half the depth, and there are no other types: launchers refuse them
template <typename T>
TFRNN_DEVICE void MultiplyAdd(float (&c)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2]) {
  for (int i = 0; i < 2; ++i) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[2 * i]), "r"(a[2 * i + 1]), "r"(b[i]));
  }
}
#endif

// c[i][j] += a[i] * b[j].
template <typename T, int kTiles, int kColumns>
TFRNN_DEVICE void MultiplyAdd(float (&c)[kTiles][kColumns][4], const std::uint32_t (&a)[kTiles][4],
                              const std::uint32_t (&b)[kColumns][2]) {
  TFRNN_UNROLL for (int i = 0; i < kTiles; ++i) {
    TFRNN_UNROLL for (int j = 0; j < kColumns; ++j) MultiplyAdd<T>(c[i][j], a[i], b[j]);
  }
}

// The nearest TF32 number.
TFRNN_DEVICE std::uint32_t RoundToTf32(float x) {
#if __CUDA_ARCH__ >= 800
  std::uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
#else
  return __float_as_uint(x);
#endif
}
// The same bits, of which the compiler knows nothing: what is made of them in a loop is made anew
// each time, not once before the loop and kept in more registers.
TFRNN_DEVICE std::uint32_t Opaque(std::uint32_t bits) {
  asm volatile("" : "+r"(bits));
  return bits;
}
TFRNN_DEVICE float AsFloat(std::uint32_t bits) { return __uint_as_float(bits); }
TFRNN_DEVICE std::uint32_t Bits(float x) { return __float_as_uint(x); }
TFRNN_DEVICE std::uint32_t Bits(Half x) { return x.bits; }
TFRNN_DEVICE std::uint32_t Bits(BFloat16 x) { return x.bits; }

}  // namespace tfrnn::prim
#endif
