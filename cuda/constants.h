// What the latency model of cuda/model.h knows about an architecture: one table each, in
// cuda/constants.cc. cuda/microbench.cu measures the constants under the names used here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tfrnn::cuda {

// X(name, meaning). Cycles are those of a multiprocessor; "an exchange" is the time from the last
// store of a step's result to the first use of everybody's, without the volume.
#define TFRNN_GPU_CONSTANTS(X)                                                                  \
  X(clock_ghz, "clock of a busy multiprocessor")                                                \
  X(block_exchange_cycles, "an exchange among the warps of a block")                            \
  X(cluster_exchange_cycles, "an exchange between the 2 blocks of a cluster, by its barrier")   \
  X(cluster_block_cycles, "what every further block adds to that")                              \
  X(cluster_async_exchange_cycles, "the same by stores that the receiver's barrier counts")     \
  X(cluster_async_block_cycles, "what every further block adds to that")                        \
  X(grid_exchange_cycles, "an exchange among all blocks through a flag of each in L2")          \
  X(data_as_flag_exchange_cycles, "the same in words that say themselves whether they are new") \
  X(l2_latency_cycles, "a load that hits L2")                                                   \
  X(dsmem_bytes_per_cycle, "what a block receives from its cluster")                            \
  X(l2_bytes_per_cycle, "what a multiprocessor reads from L2 while all do")                     \
  X(dram_gbytes, "GB/s of device memory")                                                       \
  X(shared_bytes_per_cycle, "what a multiprocessor reads from shared memory")                   \
  X(mma_latency_cycles, "a matrix instruction that waits for the one before")                   \
  X(mma_16bit_cycles, "an m16n8k16 of float16 or bfloat16, in one of the 4 quarters")           \
  X(mma_tf32_cycles, "an m16n8k8 of TF32, likewise; 0 if there is none")                        \
  X(fma_per_cycle, "float32 multiply-adds of a multiprocessor")                                 \
  X(fma64_per_cycle, "float64 multiply-adds of a multiprocessor")                               \
  X(special_per_cycle, "exponentials or reciprocals of a multiprocessor")                       \
  X(pointwise_cycles, "the gates of one element, from sums to h")                               \
  X(step_cycles, "what remains of a step: loop, prefetch, index arithmetic")                    \
  X(launch_us, "from one kernel to the next in a captured graph")                               \
  X(stream_us, "start and end of a kernel that streams its weights from L2")

struct Constants {
#define TFRNN_FIELD(name, meaning) double name = 0;
  TFRNN_GPU_CONSTANTS(TFRNN_FIELD)
#undef TFRNN_FIELD
};

enum class Source { kAssumed, kCited, kMeasured };
const char* SourceName(Source source);

struct ConstantEntry {
  const char* name;
  double value;
  Source source;
};

struct ConstantsTable {
  int arch;  // 90 for compute capability 9.0
  std::vector<ConstantEntry> entries;
};

// The table of the newest architecture that is not newer than `arch`; of the oldest, if all are.
const ConstantsTable& TableFor(int arch);
Constants ConstantsFor(int arch);

// The names in order, and what each means.
struct ConstantMeaning {
  const char* name;
  const char* meaning;
};
const std::vector<ConstantMeaning>& ConstantMeanings();

// Changes one constant; false if there is none of that name.
bool SetConstant(Constants* constants, std::string_view name, double value);

}  // namespace tfrnn::cuda
