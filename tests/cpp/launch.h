// Runs the engine's kernels as the ops do: threads, and memory of exactly the size asked for.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "csrc/cpu/kernels.h"

namespace tfrnn {

// Threads that all run; `teams` says whether they also gather, or all of them but one.
inline cpu::Pool Threads(int count, bool teams) {
  cpu::Pool pool;
  pool.threads = count;
  pool.run = [](void*, int tasks, void (*task)(void*, int), void* argument) {
    std::vector<std::thread> threads;
    for (int i = 0; i < tasks; ++i) threads.emplace_back(task, argument, i);
    for (std::thread& thread : threads) thread.join();
  };
  if (!teams) return pool;
  pool.gather = [](void*, int most, int, void (*member)(void*, int, int), void* argument) {
    const int come = most > 2 ? most - 1 : most;  // one helper stays away
    std::vector<std::thread> threads;
    for (int i = 0; i < come; ++i) threads.emplace_back(member, argument, i, come);
    for (std::thread& thread : threads) thread.join();
  };
  return pool;
}

// Memory as TensorFlow would give it, exactly as large as asked for, full of NaN.
struct Memory {
  explicit Memory(std::size_t bytes)
      : data(::operator new(bytes + 1, std::align_val_t(cpu::kAlignment))) {
    std::memset(data.get(), 0xff, bytes);
  }
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(cpu::kAlignment)); }
  };
  std::unique_ptr<void, Free> data;
};

template <typename Args>
void Launch(Args args, const cpu::Pool& pool,
            std::size_t (*workspace)(const Args&, const cpu::Pool&),
            void (*run)(const Args&, const cpu::Pool&)) {
  const Memory memory(workspace(args, pool));
  args.workspace = memory.data.get();
  run(args, pool);
}

}  // namespace tfrnn
