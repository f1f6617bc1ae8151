// Threads that run side by side and wait for one another once a step. Only threads that have
// begun are members, so nobody waits for a task that is still queued; and a team whose members
// lose their cores to other work breaks up, because one late member stops all at every step.
#pragma once

#include <atomic>

#include "csrc/cpu/pool.h"

namespace tfrnn::cpu {

class Team {
 public:
  static constexpr int kMost = 32;

  Team();
  ~Team();
  // Returns when all `members` have called it as often as this member has.
  void Wait(int member, int members);
  // Whether member 0 goes on alone after the last Wait. All members see the same.
  bool Broken(int member) const;

  // Whether it is worth forming a team: not for a while after one has broken up.
  static bool Welcome();

 private:
  struct alignas(64) Arrivals {  // a cache line for each member
    std::atomic<int> count;
  };
  Arrivals arrivals_[kMost];
  std::atomic<int> break_at_{0};  // the Wait at which the team breaks up, 0 if it does not
  int long_waits_ = 0;            // of member 0
};

// How long (in microseconds) it pays to wait for helpers for work of so many multiply-adds.
int PatienceFor(double multiply_adds);

// Tells the processor that this thread spins.
void Pause();

}  // namespace tfrnn::cpu
