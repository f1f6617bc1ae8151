// TensorFlow's intra-op threads as the engine's pool.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "csrc/cpu/pool.h"
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
  return pool;
}

}  // namespace tfrnn
