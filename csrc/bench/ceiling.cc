#include "csrc/bench/ceiling.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "csrc/bench/loops.h"
#include "csrc/cpu/kernels.h"

namespace tfrnn::bench {
namespace {

const Loops& ActiveLoops() {
#if defined(__x86_64__)
  switch (cpu::ActiveIsa()) {
    case cpu::Isa::kAvx512Bf16:
    case cpu::Isa::kAvx512:
      return avx512::GetLoops();
    case cpu::Isa::kAvx2:
      return avx2::GetLoops();
    case cpu::Isa::kBaseline:
      break;
  }
#endif
  return baseline::GetLoops();
}

double Now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// A piece of work of some microseconds, which returns its amount.
using Work = std::function<double()>;

// The amount of work per second of all threads together. Every thread makes its work with
// `prepare`, does it once untimed, and starts the clock when all have come that far.
double Rate(double seconds, int threads, const std::function<Work()>& prepare) {
  if (!(seconds > 0)) throw std::invalid_argument("seconds must be positive");
  if (threads < 1) throw std::invalid_argument("threads must be at least 1");
  std::atomic<int> preparing{threads};
  std::vector<double> rates(threads);
  const auto run = [&](double* rate) {
    const Work work = prepare();
    work();
    --preparing;
    while (preparing > 0) std::this_thread::yield();
    const double start = Now();
    double amount = 0, elapsed;
    do {
      amount += work();
      elapsed = Now() - start;
    } while (elapsed < seconds);
    *rate = amount / elapsed;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(run, &rates[i]);
  run(&rates[0]);
  for (std::thread& other : others) other.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

struct Free {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t(cpu::kAlignment)); }
};

}  // namespace

double FmaGflops(double seconds, int threads) {
  constexpr std::int64_t kIterations = 20000;
  const Loops& loops = ActiveLoops();
  return Rate(seconds, threads, [&] { return [&] { return loops.multiply_add(kIterations); }; }) /
         1e9;
}

double ReadGbytes(std::size_t bytes, double seconds, int threads) {
  constexpr std::size_t kBytesBetweenClocks = std::size_t{4} << 20;
  const Loops& loops = ActiveLoops();
  const std::size_t size =
      (std::max<std::size_t>(bytes, 1) + kReadBlock - 1) / kReadBlock * kReadBlock;
  const std::size_t passes = std::max<std::size_t>(kBytesBetweenClocks / size, 1);
  const auto prepare = [&]() -> Work {
    // By the thread that reads it, so that it lies in the memory of that thread's node.
    const std::shared_ptr<void> memory(::operator new(size, std::align_val_t(cpu::kAlignment)),
                                       Free());
    std::memset(memory.get(), 0, size);
    return [&loops, size, passes, memory] {
      for (std::size_t i = 0; i < passes; ++i) loops.read(memory.get(), size);
      return static_cast<double>(passes) * static_cast<double>(size);
    };
  };
  return Rate(seconds, threads, prepare) / 1e9;
}

}  // namespace tfrnn::bench
