// cuda/prim.cuh's names on the emulator. Inline, so that sanitizers watch what kernels do to
// memory; what lanes compute together is in warp_functions.cc, out of ThreadSanitizer's sight.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>

#include "csrc/core/types.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/warp_functions.h"

#define TFRNN_KERNEL(max_threads) void
#define TFRNN_DEVICE inline
#define TFRNN_OUTLINE inline
#define TFRNN_UNROLL

namespace tfrnn::prim {

using emulator::current;

inline unsigned Thread() { return current->thread; }
inline unsigned Threads() { return current->threads; }
inline unsigned Lane() { return current->lane; }
inline emulator::Dim3 Block() { return current->block; }
inline unsigned char* SharedMemory() { return current->shared; }

template <typename T>
ComputeType<T> ToFloat(T x) {
  return Load(x);
}
template <typename T>
T FromFloat(ComputeType<T> x) {
  T stored;
  Store(x, &stored);
  return stored;
}

template <typename A>
A Arrived(A x) {
  return x;
}

inline float Exp2(float x) { return std::exp2(x); }
inline float Reciprocal(float x) { return 1 / x; }
inline unsigned MultiplyHigh(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}

inline void SyncBlock() { emulator::SyncBlock(); }
inline void SyncWarp() { emulator::SyncWarp(); }

inline void CopyAsync16(void* shared, const void* global) {
  std::memset(shared, 0xff, 16);
  current->copies.push_back({shared, global});
}
inline void WaitForCopies() {
  for (const emulator::Copy& copy : current->copies) std::memcpy(copy.to, copy.from, 16);
  current->copies.clear();
}

inline void ArriveCluster() { emulator::ArriveCluster(); }
inline void WaitCluster() { emulator::WaitCluster(); }
inline void StoreRemote16(void* to, unsigned rank, const void* from) {
  emulator::RemoteStore store;
  store.to = emulator::SharedOf(rank) + (static_cast<unsigned char*>(to) - current->shared);
  std::memcpy(store.value, from, 16);
  if (store.to != from) std::memset(store.to, 0xff, 16);
  current->remote_stores.push_back(store);
}

// A barrier's own bytes are written and read here, so that ThreadSanitizer sees who uses it before
// it is known to be initialised.
inline void Touch(const void* barrier) {
  static_cast<void>(*static_cast<const volatile unsigned char*>(barrier));
}
inline void InitBarrier(void* barrier, unsigned arrivals) {
  std::memset(barrier, 0, 8);
  emulator::InitBarrier(barrier, arrivals);
}
inline void FenceBarriers() { emulator::FenceBarriers(); }
inline void ExpectBytes(void* barrier, unsigned bytes) {
  Touch(barrier);
  emulator::ArriveBarrier(barrier, bytes);
}
inline void ArriveBarrier(void* barrier) { ExpectBytes(barrier, 0); }
inline void WaitBarrier(void* barrier, unsigned parity) {
  Touch(barrier);
  emulator::WaitBarrier(barrier, parity);
}
inline void StoreAsync16(void* to, unsigned rank, const void* from, void* barrier) {
  unsigned char value[16];
  std::memcpy(value, from, 16);
  unsigned char* const there = emulator::SharedOf(rank);
  unsigned char* const at = there + (static_cast<unsigned char*>(to) - current->shared);
  unsigned char* const counter = there + (static_cast<unsigned char*>(barrier) - current->shared);
  Touch(counter);
  std::memset(at, 0xff, 16);
  emulator::StoreAsync(at, value, rank, counter);
}

inline void Signal(std::uint32_t* flag, std::uint32_t value) {
  __atomic_store_n(flag, value, __ATOMIC_RELEASE);
  emulator::Progress();
}
inline void Await(const std::uint32_t* flag, std::uint32_t at_least) {
  while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) < at_least) emulator::Spin();
}

struct alignas(16) [[gnu::may_alias]] Word {
  std::uint64_t half[2];
};
inline Word LoadRelaxed(const Word* from) {
  Word word;
  const unsigned first = emulator::Random() % 2;
  word.half[first] = __atomic_load_n(&from->half[first], __ATOMIC_RELAXED);
  emulator::MayYield();
  word.half[1 - first] = __atomic_load_n(&from->half[1 - first], __ATOMIC_RELAXED);
  return word;
}
inline std::uint64_t LoadRelaxed(const std::uint64_t* from) {
  return __atomic_load_n(from, __ATOMIC_RELAXED);
}
inline void StoreRelaxed(Word* to, const Word& word) {
  const unsigned first = emulator::Random() % 2;
  __atomic_store_n(&to->half[first], word.half[first], __ATOMIC_RELAXED);
  emulator::MayYield();
  __atomic_store_n(&to->half[1 - first], word.half[1 - first], __ATOMIC_RELAXED);
  emulator::Progress();
}
inline void Pause() { emulator::Spin(); }

inline unsigned Ballot(bool vote) {
  const std::uint32_t in = vote;
  std::uint32_t out;
  emulator::WarpOperation(&in, 1, &out, 1, emulator::BallotOf);
  return out;
}

template <typename T>
constexpr bool HasMatrices() {
  return sizeof(T) <= 4;
}

inline void LoadMatrices(std::uint32_t (&out)[4], const void* row) {
  const std::uint64_t address = reinterpret_cast<std::uint64_t>(row);
  const std::uint32_t in[2] = {static_cast<std::uint32_t>(address),
                               static_cast<std::uint32_t>(address >> 32)};
  std::uint32_t rows[8];
  emulator::WarpOperation(in, 2, rows, 8, emulator::MatrixRows);
  for (int i = 0; i < 4; ++i) {
    std::uint64_t from = rows[2 * i + 1];
    from = (from << 32) + rows[2 * i] + 4 * (Lane() % 4);
    std::memcpy(&out[i], reinterpret_cast<const void*>(from), 4);
  }
}

inline int MaxOfWarp(int x) {
  const std::uint32_t in = static_cast<std::uint32_t>(x);
  std::uint32_t out;
  emulator::WarpOperation(&in, 1, &out, 1, emulator::Largest);
  return static_cast<int>(out);
}

template <typename T, int kTiles, int kColumns>
void MultiplyAdd(float (&c)[kTiles][kColumns][4], const std::uint32_t (&a)[kTiles][4],
                 const std::uint32_t (&b)[kColumns][2]) {
  std::uint32_t in[2 + 4 * kTiles + 2 * kColumns] = {kTiles, kColumns};
  std::memcpy(in + 2, a, sizeof a);
  std::memcpy(in + 2 + 4 * kTiles, b, sizeof b);
  float products[kTiles * kColumns * 4];
  std::uint32_t out[kTiles * kColumns * 4];
  emulator::WarpOperation(in, static_cast<int>(std::size(in)), out,
                          static_cast<int>(std::size(out)), emulator::Multiply<T>);
  std::memcpy(products, out, sizeof out);
  for (int i = 0; i < kTiles * kColumns * 4; ++i) (&c[0][0][0])[i] += products[i];
}

inline std::uint32_t RoundToTf32(float x) {  // to nearest, ties away from zero
  return (internal::BitCast<std::uint32_t>(x) + 0x1000u) & 0xffffe000u;
}
inline std::uint32_t Opaque(std::uint32_t bits) { return bits; }
inline float AsFloat(std::uint32_t bits) { return internal::BitCast<float>(bits); }
inline std::uint32_t Bits(float x) { return internal::BitCast<std::uint32_t>(x); }
inline std::uint32_t Bits(Half x) { return x.bits; }
inline std::uint32_t Bits(BFloat16 x) { return x.bits; }

}  // namespace tfrnn::prim
