#include "csrc/bench/loops.h"

#include "csrc/cpu/simd.h"

namespace tfrnn::bench::TFRNN_ISA {
namespace {

using Vector = cpu::TFRNN_ISA::Vec<float>;
constexpr int kLanes = cpu::TFRNN_ISA::kLanes<float>;

// Volatile, so that the compiler neither knows the values nor drops the work.
volatile float factor = 0.999f, term = 0.001f, sink;

double MultiplyAdd(std::int64_t count) {
  // As many sums as the engine's register tile has: enough to hide the latency of each.
  constexpr int kSums = cpu::TFRNN_ISA::kTileRows * 4;
  const Vector a = cpu::TFRNN_ISA::Broadcast<float>(factor);
  const Vector b = cpu::TFRNN_ISA::Broadcast<float>(term);
  Vector sum[kSums];
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sum[i] = b * static_cast<float>(i);
  for (std::int64_t n = 0; n < count; ++n) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) sum[i] = sum[i] * a + b;
  }
  Vector total{};
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) total += sum[i];
  sink = total[0];
  return 2.0 * kSums * kLanes * static_cast<double>(count);
}

void Read(const void* from, std::size_t bytes) {
  constexpr int kSums = 8;
  static_assert(kReadBlock % (kSums * sizeof(Vector)) == 0, "whole iterations");
  const float* p = static_cast<const float*>(from);
  const float* const end = p + bytes / sizeof(float);
  Vector sum[kSums] = {};
  for (; p < end; p += kSums * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kSums; ++i) sum[i] += *reinterpret_cast<const Vector*>(p + i * kLanes);
  }
  Vector total{};
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) total += sum[i];
  sink = total[0];
}

}  // namespace

const Loops& GetLoops() {
  static constexpr Loops loops = {MultiplyAdd, Read};
  return loops;
}

}  // namespace tfrnn::bench::TFRNN_ISA
