// The instructions that the microbenchmarks time, one function each.
#pragma once

#include <cstdint>

#if defined(__CUDA_ARCH__)
#define TFRNN_ARCH __CUDA_ARCH__
#else
#define TFRNN_ARCH 0
#endif

namespace tfrnn::microbench {

__device__ __forceinline__ std::uint32_t SharedAddress(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ std::uint64_t Nanoseconds() {
  std::uint64_t value;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(value));
  return value;
}

// ---- exchange through L2

__device__ __forceinline__ void AddRelease(std::uint32_t* counter) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}

__device__ __forceinline__ std::uint32_t LoadAcquire(const std::uint32_t* at) {
  std::uint32_t value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
  return value;
}

__device__ __forceinline__ void StoreRelease(std::uint32_t* at, std::uint32_t value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(at), "r"(value) : "memory");
}

__device__ __forceinline__ std::uint32_t LoadRelaxed(const std::uint32_t* at) {
  std::uint32_t value;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
  return value;
}

// 16 bytes from L2 to shared memory, past L1.
__device__ __forceinline__ void CopyToShared(void* shared, const void* global) {
#if TFRNN_ARCH >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(SharedAddress(shared)), "l"(global)
               : "memory");
#else
  *static_cast<uint4*>(shared) = __ldcg(static_cast<const uint4*>(global));
#endif
}

__device__ __forceinline__ void WaitForCopies() {
#if TFRNN_ARCH >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// ---- clusters; nothing launches these below sm_90

__device__ __forceinline__ std::uint32_t ClusterRank() {
  std::uint32_t rank = 0;
#if TFRNN_ARCH >= 900
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
  return rank;
}

__device__ __forceinline__ void ClusterBarrier() {
#if TFRNN_ARCH >= 900
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n"
      "barrier.cluster.wait.acquire.aligned;" ::
          : "memory");
#endif
}

// The address of the same variable in another block's shared memory.
__device__ __forceinline__ std::uint32_t PeerAddress(std::uint32_t local, std::uint32_t rank) {
  std::uint32_t address = local;
#if TFRNN_ARCH >= 900
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(local), "r"(rank));
#endif
  return address;
}

__device__ __forceinline__ void StoreToPeer(std::uint32_t address, uint4 v) {
#if TFRNN_ARCH >= 900
  asm volatile("st.shared::cluster.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v.x),
               "r"(v.y), "r"(v.z), "r"(v.w)
               : "memory");
#endif
}

// ---- arithmetic

// m16n8k16 with 16-bit operands; two m16n8k8 where there is no other.
__device__ __forceinline__ void Mma16Bit(float (&c)[4], std::uint32_t a, std::uint32_t b) {
#if TFRNN_ARCH >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4}, "
      "{%5, %5}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a), "r"(b));
#else
  for (int half = 0; half < 2; ++half) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4}, {%5}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a), "r"(b));
  }
#endif
}

__device__ __forceinline__ void MmaTf32(float (&c)[4], std::uint32_t a, std::uint32_t b) {
#if TFRNN_ARCH >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4}, "
      "{%5, %5}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a), "r"(b));
#endif
}

__device__ __forceinline__ float Exponential(float x) {
  float y;
  asm volatile("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ uint4 LoadShared(std::uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address));
  return v;
}

}  // namespace tfrnn::microbench
