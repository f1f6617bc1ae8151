#include "csrc/cpu/team.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace tfrnn::cpu {
namespace {

constexpr int kSpins = 2000;      // tens of microseconds: more than a member's share of a step
constexpr int kMaxLongWaits = 2;  // then the machine is busy with something else
constexpr std::int64_t kFirstPause = 250, kLongestPause = 8000;  // without teams, milliseconds

std::int64_t Milliseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::atomic<std::int64_t> next_pause{kFirstPause};
std::atomic<std::int64_t> no_team_before{0};

}  // namespace

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

Team::Team() {
  for (Arrivals& arrivals : arrivals_) arrivals.count.store(0, std::memory_order_relaxed);
}

Team::~Team() {
  if (break_at_.load(std::memory_order_relaxed) == 0) {
    next_pause.store(kFirstPause, std::memory_order_relaxed);
    return;
  }
  const std::int64_t pause = next_pause.load(std::memory_order_relaxed);
  no_team_before.store(Milliseconds() + pause, std::memory_order_relaxed);
  next_pause.store(std::min(2 * pause, kLongestPause), std::memory_order_relaxed);
}

bool Team::Welcome() { return Milliseconds() >= no_team_before.load(std::memory_order_relaxed); }

void Team::Wait(int member, int members) {
  const int mine = arrivals_[member].count.load(std::memory_order_relaxed) + 1;
  if (member == 0 && long_waits_ == kMaxLongWaits) {
    break_at_.store(mine, std::memory_order_relaxed);  // published by the arrival below
    ++long_waits_;
  }
  arrivals_[member].count.store(mine, std::memory_order_release);
  for (int i = 0; i < members; ++i) {
    int spins = 0;
    while (arrivals_[i].count.load(std::memory_order_acquire) < mine) {
      ++spins < kSpins ? Pause() : std::this_thread::yield();
    }
    if (member == 0 && spins >= kSpins && long_waits_ < kMaxLongWaits) ++long_waits_;
  }
}

bool Team::Broken(int member) const {
  const int at = break_at_.load(std::memory_order_relaxed);
  return at > 0 && at <= arrivals_[member].count.load(std::memory_order_relaxed);
}

int PatienceFor(double multiply_adds) {
  constexpr double kPerMicrosecond = 20e3;  // of one thread with a batch of one
  return static_cast<int>(std::min(100.0, multiply_adds / kPerMicrosecond / 10));
}

}  // namespace tfrnn::cpu
