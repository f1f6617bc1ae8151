// Threads that run side by side and wait for one another once a step. Only threads that have
// begun are members, so nobody waits for a task that is still queued.
#pragma once

#include <atomic>

#include "csrc/cpu/pool.h"

namespace tfrnn::cpu {

class Team {
 public:
  static constexpr int kMost = 32;

  Team();
  // Returns when all `members` have called it as often as this member has.
  void Wait(int member, int members);

 private:
  struct alignas(64) Arrivals {  // a cache line for each member
    std::atomic<int> count;
  };
  Arrivals arrivals_[kMost];
};

// How long (in microseconds) it pays to wait for helpers for work of so many multiply-adds.
int PatienceFor(double multiply_adds);

}  // namespace tfrnn::cpu
