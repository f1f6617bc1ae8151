// A team keeps step, however many threads share however few cores.
#include "csrc/cpu/team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace tfrnn::cpu {
namespace {

TEST(Team, NobodyRunsAhead) {
  constexpr int kRounds = 300;
  for (const int members : {1, 2, 3, 8}) {
    Team team;
    std::vector<int> round(static_cast<std::size_t>(members), 0);  // each written by its member
    std::vector<int> mistakes(static_cast<std::size_t>(members), 0);
    std::vector<std::thread> threads;
    for (int member = 0; member < members; ++member) {
      threads.emplace_back([&, member] {
        for (int r = 1; r <= kRounds; ++r) {
          round[static_cast<std::size_t>(member)] = r;
          team.Wait(member, members);
          for (const int other : round) mistakes[static_cast<std::size_t>(member)] += other != r;
          team.Wait(member, members);  // before anybody writes again
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int count : mistakes) EXPECT_EQ(count, 0) << members << " members";
  }
}

// One member is late on purpose until member 0 has had enough; all learn it at the same Wait.
TEST(Team, BreaksUpWhenAMemberIsLate) {
  constexpr int kMembers = 3;
  int broke_at[kMembers] = {};
  {
    Team team;
    std::vector<std::thread> threads;
    for (int member = 0; member < kMembers; ++member) {
      threads.emplace_back([&, member] {
        for (int round = 1; round <= 50; ++round) {
          if (member == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
          team.Wait(member, kMembers);
          if (team.Broken(member)) {
            broke_at[member] = round;
            return;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(broke_at[0], 0);
  EXPECT_EQ(broke_at[1], broke_at[0]);
  EXPECT_EQ(broke_at[2], broke_at[0]);
  EXPECT_FALSE(Team::Welcome()) << "right after a team has broken up";
}

TEST(Team, PatienceGrowsWithTheWork) {
  EXPECT_EQ(PatienceFor(0), 0);
  EXPECT_LT(PatienceFor(1e6), PatienceFor(1e7));
  EXPECT_LE(PatienceFor(1e15), 100);
}

}  // namespace
}  // namespace tfrnn::cpu
