// TensorFlow's intra-op threads as the engine's pool.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "csrc/cpu/pool.h"
#include "csrc/cpu/team.h"
#include "tensorflow/core/lib/core/threadpool.h"

namespace tfrnn {

// One ParallelFor. The caller works too and waits only for tasks that have begun: a helper that
// the busy pool starts too late finds nothing left and returns. So no call can wait for a thread
// that never comes, whatever else runs on the pool.
class SharedTasks {
 public:
  SharedTasks(int count, void (*task)(void*, int), void* argument)
      : count_(count), task_(task), argument_(argument) {}

  void Work() {
    for (int i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
      task_(argument_, i);
      std::lock_guard<std::mutex> lock(mutex_);
      if (++done_ == count_) all_done_.notify_all();
    }
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, [this] { return done_ == count_; });
  }

 private:
  const int count_;
  void (*const task_)(void*, int);
  void* const argument_;
  std::atomic<int> next_{0};
  int done_ = 0;
  std::mutex mutex_;
  std::condition_variable all_done_;
};

// One gathering. Helpers join until the caller, whose patience is short, closes the door; the team
// is whoever is inside. A helper that comes later returns, so nobody waits for a thread that the
// busy pool never starts.
class Gathering {
 public:
  Gathering(int most, void (*member)(void*, int, int), void* argument)
      : most_(most), member_(member), argument_(argument) {}

  void Join() {
    int inside = inside_.load();
    do {
      if (inside == kClosed || inside == most_) return;
    } while (!inside_.compare_exchange_weak(inside, inside + 1));
    while (members_.load(std::memory_order_acquire) == 0) cpu::Pause();  // until the door closes
    member_(argument_, inside, members_.load());
    finished_.fetch_add(1, std::memory_order_release);
  }

  void Lead(int patience) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::microseconds(patience);
    while (inside_.load() < most_ && Clock::now() < deadline) cpu::Pause();
    const int members = inside_.exchange(kClosed);
    members_.store(members, std::memory_order_release);
    member_(argument_, 0, members);
    while (finished_.load(std::memory_order_acquire) < members - 1) std::this_thread::yield();
  }

 private:
  static constexpr int kClosed = -1;
  const int most_;
  void (*const member_)(void*, int, int);
  void* const argument_;
  std::atomic<int> inside_{1};  // the caller is member 0
  std::atomic<int> members_{0};
  std::atomic<int> finished_{0};
};

// The members of all teams of the process, no more than there are threads: teams that wait for
// their members would fight for the cores.
inline std::atomic<int>& TeamMembers() {
  static std::atomic<int> members{0};
  return members;
}

inline cpu::Pool PoolOn(tensorflow::thread::ThreadPool* threads) {
  cpu::Pool pool;
  pool.threads = threads->NumThreads();
  pool.context = threads;
  pool.run = [](void* context, int count, void (*task)(void*, int), void* argument) {
    const auto tasks = std::make_shared<SharedTasks>(count, task, argument);
    auto* const pool = static_cast<tensorflow::thread::ThreadPool*>(context);
    for (int i = 1; i < count; ++i) pool->Schedule([tasks] { tasks->Work(); });
    tasks->Work();
    tasks->Wait();
  };
  pool.gather = [](void* context, int most, int patience, void (*member)(void*, int, int),
                   void* argument) {
    auto* const pool = static_cast<tensorflow::thread::ThreadPool*>(context);
    if (TeamMembers().fetch_add(most) + most > pool->NumThreads()) {
      TeamMembers().fetch_sub(most);
      return member(argument, 0, 1);
    }
    const auto gathering = std::make_shared<Gathering>(most, member, argument);
    for (int i = 1; i < most; ++i) pool->Schedule([gathering] { gathering->Join(); });
    gathering->Lead(patience);
    TeamMembers().fetch_sub(most);
  };
  return pool;
}

}  // namespace tfrnn
