// Measures the constants of the latency model (cuda/constants.h) on the GPU at hand and prints
// them as CSV: name,setting,value. Rows without a setting are constants, the others what they
// follow from, and costs of alternatives that the model does not use. tools/microbench_table.py
// turns the output into a table for cuda/constants.cc. Takes well under a minute.
#include <cstdint>
#include <numeric>
#include <random>

#include "cuda/microbench/harness.h"
#include "cuda/microbench/throughput.cuh"
#include "cuda/query_device.h"

namespace tfrnn::microbench {
namespace {

constexpr int kNodes = 1000;
constexpr int kStreamWords = 1024;  // 16 KiB a block

void Print(const std::string& name, const std::string& setting, double value) {
  std::printf("%s,%s,%.6g\n", name.c_str(), setting.c_str(), value);
  std::fflush(stdout);
}

void Print(const std::string& name, double value) { Print(name, "", value); }

std::string Setting(const char* what, int value) { return what + std::to_string(value); }

class Microbench {
 public:
  explicit Microbench(const cuda::Device& device)
      : device_(device),
        all_(device.multiprocessors),
        cycles_(1),
        words_(std::size_t{64} << 20 >> 2),
        sink_(std::size_t{1} << 20) {}

  void Run() {
    MeasureClock();
    Print("block_exchange_cycles", EachOf(kRepeats, {}, BlockExchange, sink_.get()));
    MeasureClusters();
    MeasureGrid();
    MeasureL2();
    MeasureDram();
    MeasureArithmetic();
    MeasureStep();
    MeasureLaunches();
  }

 private:
  // Cycles of one repeat.
  template <typename... Parameters, typename... Arguments>
  double EachOf(int repeats, const Shape& shape, void (*kernel)(long long*, Parameters...),
                Arguments... arguments) {
    return Cycles(shape, cycles_, [] {}, kernel, arguments...) / repeats;
  }

  void MeasureClock() {
    Buffer<std::uint64_t> nanoseconds(1);
    const double cycles =
        Cycles({all_, kThreads}, cycles_, [] {}, Clock, nanoseconds.get(), sink_.get());
    Print("clock_ghz", cycles / static_cast<double>(nanoseconds.first()));
  }

  // Cycles of an exchange of `words` units of 16 bytes a block, in every cluster at once.
  double ClusterCycles(int blocks, int words) {
    const Shape shape = {blocks * device_.resident_clusters[blocks], kThreads,
                         sizeof(uint4) * 2 * blocks * words, blocks};
    return EachOf(kRepeats, shape, ClusterExchange, sink_.get(), blocks, words);
  }

  // An exchange of some kind in clusters of 2 up to `largest` blocks.
  template <typename CyclesOf>
  void PrintClusters(const std::string& kind, int largest, CyclesOf cycles_of) {
    double of_pair = 0, of_most = 0;
    for (int blocks = 2; blocks <= largest; blocks *= 2) {
      if (device_.resident_clusters[blocks] == 0) continue;
      of_most = cycles_of(blocks);
      if (blocks == 2) of_pair = of_most;
      Print(kind + "_exchange_cycles", Setting("blocks=", blocks), of_most);
    }
    Print(kind + "_exchange_cycles", of_pair);
    Print(kind + "_block_cycles", largest > 2 ? (of_most - of_pair) / (largest - 2) : 0);
  }

  void MeasureClusters() {
    const int most = device_.max_cluster();
    for (int blocks = 2; blocks <= most; ++blocks) {
      Print("resident_clusters", Setting("blocks=", blocks), device_.resident_clusters[blocks]);
    }
    if (most == 1) {
      for (const char* name :
           {"cluster_exchange_cycles", "cluster_block_cycles", "cluster_async_exchange_cycles",
            "cluster_async_block_cycles", "dsmem_bytes_per_cycle"}) {
        Print(name, 0);
      }
      return;
    }
    int largest = 2;
    for (int blocks = 2; blocks <= most; blocks *= 2) {
      if (device_.resident_clusters[blocks] > 0) largest = blocks;
    }
    PrintClusters("cluster", largest, [this](int blocks) { return ClusterCycles(blocks, 1); });
    PrintClusters("cluster_async", largest, [this](int blocks) {
      const Shape shape = {blocks * device_.resident_clusters[blocks], kThreads,
                           sizeof(uint4) * 2 * blocks, blocks};
      return EachOf(kRepeats, shape, ClusterAsyncExchange, sink_.get(), blocks);
    });

    // How many cycles more bytes take, in clusters of up to 8 blocks.
    const int blocks = std::min(largest, 8), few = 64, many = 512;
    const double more = ClusterCycles(blocks, many) - ClusterCycles(blocks, few);
    Print("dsmem_bytes_per_cycle", 16.0 * (many - few) * (blocks - 1) / more);
  }

  void MeasureGrid() {
    constexpr int kFlags = 8192;  // words before the data
    for (const int blocks : {all_ / 4, all_ / 2, all_}) {
      const Shape shape = {blocks, kThreads, 0, 0, true};
      const auto clear = [this] { words_.Clear(); };
      std::uint32_t* const flags = words_.get();
      const std::string setting = Setting("blocks=", blocks);
      const double grid =
          Cycles(shape, cycles_, clear, GridExchange, flags, flags + kFlags) / kRepeats;
      Print("grid_exchange_cycles", blocks == all_ ? "" : setting, grid);
      Print("counter_exchange_cycles", setting,
            Cycles(shape, cycles_, clear, CounterExchange, flags, flags + kFlags) / kRepeats);
      Print(
          "data_as_flag_exchange_cycles", blocks == all_ ? "" : setting,
          Cycles(shape, cycles_, clear, DataAsFlagExchange, reinterpret_cast<prim::Word*>(flags)) /
              kRepeats);
    }
  }

  void MeasureL2() {
    // A random cycle through 1 MiB, one stop in 128 bytes.
    std::vector<std::uint32_t> order(8192), next(order.size() * 32);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    for (std::size_t i = 0; i < order.size(); ++i) {
      next[order[i] * 32] = order[(i + 1) % order.size()] * 32;
    }
    TFRNN_CHECK(cudaMemcpy(words_.get(), next.data(), 4 * next.size(), cudaMemcpyHostToDevice));
    Print("l2_latency_cycles", EachOf(kRepeats, {1, 1}, L2Latency, words_.get(), sink_.get()));
    for (const int kib : {4, 16, 32}) {
      const int words = kib * 64;
      const Shape shape = {all_, kThreads, sizeof(uint4) * words};
      const double cycles =
          EachOf(kRepeats / 10, shape, L2Broadcast, reinterpret_cast<const uint4*>(words_.get()),
                 words, sink_.get());
      Print("l2_bytes_per_cycle", kib == 32 ? "" : Setting("kib=", kib), 16.0 * words / cycles);
    }
  }

  void MeasureDram() {
    std::size_t free = 0, total = 0;
    TFRNN_CHECK(cudaMemGetInfo(&free, &total));
    const std::size_t bytes = std::min(free / 4, std::size_t{2} << 30);
    const Buffer<char> from(bytes), to(bytes);
    const double us = Microseconds(nullptr, [&](cudaStream_t stream) {
      TFRNN_CHECK(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice, stream));
    });
    Print("dram_gbytes", 2e-3 * static_cast<double>(bytes) / us);
  }

  // Cycles of an instruction in one quarter of a multiprocessor, with 2 warps in each.
  template <typename Op>
  double MmaCycles() {
    constexpr int kChains = 8, kWarpsOfQuarter = 2;
    return EachOf(kMmaRepeats * kChains * kWarpsOfQuarter, {all_, 4 * 32 * kWarpsOfQuarter},
                  MmaRate<Op, kChains>, sink_.get());
  }

  template <typename T, typename Op>
  double ArithmeticPerCycle() {
    const Shape shape = {all_, 4 * kThreads};
    T* const sink = reinterpret_cast<T*>(words_.get());
    return kArithmeticChains * shape.threads /
           EachOf(kMmaRepeats, shape, ArithmeticRate<T, Op>, sink);
  }

  void MeasureArithmetic() {
    Print("shared_bytes_per_cycle",
          16.0 * kSharedWords / EachOf(kRepeats / 10, {all_, kThreads}, SharedRead, sink_.get()));
    Print("mma_latency_cycles", EachOf(kMmaRepeats, {1, 32}, MmaRate<Mma16BitOp, 1>, sink_.get()));
    Print("mma_16bit_cycles", MmaCycles<Mma16BitOp>());
    Print("mma_tf32_cycles", device_.arch >= 80 ? MmaCycles<MmaTf32Op>() : 0);
    Print("fma_per_cycle", ArithmeticPerCycle<float, FmaOp<float>>());
    Print("fma64_per_cycle", ArithmeticPerCycle<double, FmaOp<double>>());
    Print("special_per_cycle", ArithmeticPerCycle<float, SpecialOp>());
  }

  void MeasureStep() {
    Print("pointwise_cycles", EachOf(kRepeats, {1, 32}, Pointwise, sink_.get()));
    float* const memory = reinterpret_cast<float*>(words_.get());
    const int stride = all_ * kThreads;  // 32 strides of x, then 8 of y
    const double whole =
        EachOf(kRepeats, {all_, kThreads}, EmptyStep, memory, memory + 32 * stride, stride);
    const double exchange = EachOf(kRepeats, {}, BlockExchange, sink_.get());
    Print("step_cycles", std::max(0.0, whole - exchange));
  }

  void MeasureLaunches() {
    const auto empty = [this](cudaStream_t s) { Launch({all_, kThreads}, s, Nothing); };
    const double launch = GraphMicroseconds(kNodes, empty);
    Print("launch_us", launch);
    Print("launch_in_stream_us", "nodes=1000", Microseconds(nullptr, [&](cudaStream_t s) {
                                                 for (int i = 0; i < kNodes; ++i) empty(s);
                                               }) / kNodes);
    if (device_.arch >= 90) {
      Shape shape = {all_, kThreads};
      shape.dependent = true;
      Print("launch_dependent_us", "nodes=1000", GraphMicroseconds(kNodes, [&](cudaStream_t s) {
              Launch(shape, s, NothingButDependent);
            }));
    }
    const Shape shape = {all_, kThreads, sizeof(uint4) * kStreamWords};
    const double streaming = GraphMicroseconds(kNodes, [&](cudaStream_t s) {
      Launch(shape, s, Stream, reinterpret_cast<const uint4*>(words_.get()), kStreamWords,
             sink_.get());
    });
    Print("stream_us", std::max(0.0, streaming - launch));
  }

  const cuda::Device device_;
  const int all_;  // multiprocessors
  const Buffer<long long> cycles_;
  Buffer<std::uint32_t> words_;
  const Buffer<std::uint32_t> sink_;
};

}  // namespace
}  // namespace tfrnn::microbench

int main() {
  using namespace tfrnn;
  const cuda::Device* device = nullptr;
  if (const cuda::Error error = cuda::CurrentGpu(&device); !error.empty()) {
    std::fprintf(stderr, "microbench: %s\n", error.c_str());
    return 1;
  }
  std::printf("name,setting,value\n");
  std::printf("arch,%s,%d\n", device->name.c_str(), device->arch);
  microbench::Microbench(*device).Run();
  return 0;
}
