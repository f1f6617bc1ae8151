#include "csrc/cpu/team.h"

#include <algorithm>
#include <thread>

namespace tfrnn::cpu {
namespace {

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team() {
  for (Arrivals& arrivals : arrivals_) arrivals.count.store(0, std::memory_order_relaxed);
}

void Team::Wait(int member, int members) {
  const int mine = arrivals_[member].count.load(std::memory_order_relaxed) + 1;
  arrivals_[member].count.store(mine, std::memory_order_release);
  for (int i = 0; i < members; ++i) {
    // A member is late by microseconds, unless the machine took its core away.
    for (int spins = 0; arrivals_[i].count.load(std::memory_order_acquire) < mine; ++spins) {
      constexpr int kBeforeYielding = 2000;
      spins < kBeforeYielding ? Pause() : std::this_thread::yield();
    }
  }
}

int PatienceFor(double multiply_adds) {
  constexpr double kPerMicrosecond = 20e3;  // of one thread with a batch of one
  return static_cast<int>(std::min(100.0, multiply_adds / kPerMicrosecond / 10));
}

}  // namespace tfrnn::cpu
