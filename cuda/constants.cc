#include "cuda/constants.h"

namespace tfrnn::cuda {
namespace {

constexpr Source kAssumed = Source::kAssumed, kCited = Source::kCited;

// To replace a table by measured values, run cuda/microbench.cu on the device and paste what
// tools/microbench_table.py makes of its output.
//
// Cited: arXiv 2402.13499 and 2501.12084 for sm_90 (latencies, L2, cluster memory, matrix
// instructions of an H800), the vendor's white papers for rates per cycle and clocks.
const std::vector<ConstantsTable>& Tables() {
  static const std::vector<ConstantsTable> tables = {
      {75,
       {
           {"clock_ghz", 1.5, kCited},
           {"block_exchange_cycles", 50, kAssumed},
           {"cluster_exchange_cycles", 0, kAssumed},
           {"cluster_block_cycles", 0, kAssumed},
           {"cluster_async_exchange_cycles", 0, kAssumed},
           {"cluster_async_block_cycles", 0, kAssumed},
           {"grid_exchange_cycles", 1300, kAssumed},
           {"data_as_flag_exchange_cycles", 730, kAssumed},
           {"l2_latency_cycles", 190, kAssumed},
           {"dsmem_bytes_per_cycle", 0, kAssumed},
           {"l2_bytes_per_cycle", 20, kAssumed},
           {"dram_gbytes", 270, kAssumed},
           {"shared_bytes_per_cycle", 64, kCited},
           {"mma_latency_cycles", 34, kAssumed},
           {"mma_16bit_cycles", 16, kCited},
           {"mma_tf32_cycles", 0, kCited},
           {"fma_per_cycle", 64, kCited},
           {"fma64_per_cycle", 2, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 200, kAssumed},
           {"step_cycles", 200, kAssumed},
           {"launch_us", 2.0, kAssumed},
           {"stream_us", 2.5, kAssumed},
       }},
      {80,
       {
           {"clock_ghz", 1.41, kCited},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 0, kAssumed},
           {"cluster_block_cycles", 0, kAssumed},
           {"cluster_async_exchange_cycles", 0, kAssumed},
           {"cluster_async_block_cycles", 0, kAssumed},
           {"grid_exchange_cycles", 1100, kAssumed},
           {"data_as_flag_exchange_cycles", 620, kAssumed},
           {"l2_latency_cycles", 260, kAssumed},
           {"dsmem_bytes_per_cycle", 0, kAssumed},
           {"l2_bytes_per_cycle", 32, kAssumed},
           {"dram_gbytes", 1400, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 33, kAssumed},
           {"mma_16bit_cycles", 8, kCited},
           {"mma_tf32_cycles", 8, kCited},
           {"fma_per_cycle", 64, kCited},
           {"fma64_per_cycle", 32, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 1.5, kAssumed},
           {"stream_us", 2.0, kAssumed},
       }},
      {86,
       {
           {"clock_ghz", 1.7, kCited},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 0, kAssumed},
           {"cluster_block_cycles", 0, kAssumed},
           {"cluster_async_exchange_cycles", 0, kAssumed},
           {"cluster_async_block_cycles", 0, kAssumed},
           {"grid_exchange_cycles", 1200, kAssumed},
           {"data_as_flag_exchange_cycles", 670, kAssumed},
           {"l2_latency_cycles", 240, kAssumed},
           {"dsmem_bytes_per_cycle", 0, kAssumed},
           {"l2_bytes_per_cycle", 20, kAssumed},
           {"dram_gbytes", 800, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 33, kAssumed},
           {"mma_16bit_cycles", 32, kCited},
           {"mma_tf32_cycles", 32, kCited},
           {"fma_per_cycle", 128, kCited},
           {"fma64_per_cycle", 2, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 1.5, kAssumed},
           {"stream_us", 2.0, kAssumed},
       }},
      {89,
       {
           {"clock_ghz", 2.4, kCited},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 0, kAssumed},
           {"cluster_block_cycles", 0, kAssumed},
           {"cluster_async_exchange_cycles", 0, kAssumed},
           {"cluster_async_block_cycles", 0, kAssumed},
           {"grid_exchange_cycles", 1400, kAssumed},
           {"data_as_flag_exchange_cycles", 780, kAssumed},
           {"l2_latency_cycles", 280, kAssumed},
           {"dsmem_bytes_per_cycle", 0, kAssumed},
           {"l2_bytes_per_cycle", 20, kAssumed},
           {"dram_gbytes", 900, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 33, kAssumed},
           {"mma_16bit_cycles", 32, kCited},
           {"mma_tf32_cycles", 32, kCited},
           {"fma_per_cycle", 128, kCited},
           {"fma64_per_cycle", 2, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 1.3, kAssumed},
           {"stream_us", 2.0, kAssumed},
       }},
      {90,
       {
           {"clock_ghz", 1.9, kAssumed},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 420, kAssumed},
           {"cluster_block_cycles", 6, kAssumed},
           {"cluster_async_exchange_cycles", 250, kAssumed},
           {"cluster_async_block_cycles", 6, kAssumed},
           {"grid_exchange_cycles", 1000, kAssumed},
           {"data_as_flag_exchange_cycles", 560, kAssumed},
           {"l2_latency_cycles", 263, kCited},
           {"dsmem_bytes_per_cycle", 15, kCited},
           {"l2_bytes_per_cycle", 30, kCited},
           {"dram_gbytes", 4300, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 24, kCited},
           {"mma_16bit_cycles", 6.6, kCited},
           {"mma_tf32_cycles", 6.6, kCited},
           {"fma_per_cycle", 128, kCited},
           {"fma64_per_cycle", 64, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 1.3, kCited},
           {"stream_us", 2.0, kAssumed},
       }},
      {100,
       {
           {"clock_ghz", 1.85, kAssumed},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 420, kAssumed},
           {"cluster_block_cycles", 6, kAssumed},
           {"cluster_async_exchange_cycles", 250, kAssumed},
           {"cluster_async_block_cycles", 6, kAssumed},
           {"grid_exchange_cycles", 1100, kAssumed},
           {"data_as_flag_exchange_cycles", 620, kAssumed},
           {"l2_latency_cycles", 300, kAssumed},
           {"dsmem_bytes_per_cycle", 15, kAssumed},
           {"l2_bytes_per_cycle", 30, kAssumed},
           {"dram_gbytes", 6500, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 28, kAssumed},
           {"mma_16bit_cycles", 8, kAssumed},
           {"mma_tf32_cycles", 8, kAssumed},
           {"fma_per_cycle", 128, kCited},
           {"fma64_per_cycle", 64, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 1.3, kAssumed},
           {"stream_us", 2.0, kAssumed},
       }},
      {120,
       {
           {"clock_ghz", 2.4, kCited},
           {"block_exchange_cycles", 40, kAssumed},
           {"cluster_exchange_cycles", 450, kAssumed},
           {"cluster_block_cycles", 6, kAssumed},
           {"cluster_async_exchange_cycles", 270, kAssumed},
           {"cluster_async_block_cycles", 6, kAssumed},
           {"grid_exchange_cycles", 1400, kAssumed},
           {"data_as_flag_exchange_cycles", 780, kAssumed},
           {"l2_latency_cycles", 320, kAssumed},
           {"dsmem_bytes_per_cycle", 15, kAssumed},
           {"l2_bytes_per_cycle", 20, kAssumed},
           {"dram_gbytes", 1500, kAssumed},
           {"shared_bytes_per_cycle", 128, kCited},
           {"mma_latency_cycles", 33, kAssumed},
           {"mma_16bit_cycles", 32, kCited},
           {"mma_tf32_cycles", 32, kCited},
           {"fma_per_cycle", 128, kCited},
           {"fma64_per_cycle", 2, kCited},
           {"special_per_cycle", 16, kCited},
           {"pointwise_cycles", 170, kAssumed},
           {"step_cycles", 150, kAssumed},
           {"launch_us", 0.8, kAssumed},
           {"stream_us", 1.5, kAssumed},
       }},
  };
  return tables;
}

}  // namespace

const char* SourceName(Source source) {
  switch (source) {
    case Source::kAssumed:
      return "assumed";
    case Source::kCited:
      return "cited";
    case Source::kMeasured:
      return "measured";
  }
  return "";
}

const ConstantsTable& TableFor(int arch) {
  const ConstantsTable* best = &Tables().front();
  for (const ConstantsTable& table : Tables()) {
    if (table.arch <= arch) best = &table;
  }
  return *best;
}

Constants ConstantsFor(int arch) {
  Constants constants;
  for (const ConstantEntry& entry : TableFor(arch).entries) {
    SetConstant(&constants, entry.name, entry.value);
  }
  return constants;
}

const std::vector<ConstantMeaning>& ConstantMeanings() {
#define TFRNN_MEANING(name, meaning) {#name, meaning},
  static const std::vector<ConstantMeaning> meanings = {TFRNN_GPU_CONSTANTS(TFRNN_MEANING)};
#undef TFRNN_MEANING
  return meanings;
}

bool SetConstant(Constants* constants, std::string_view name, double value) {
#define TFRNN_SET(field, meaning) \
  if (name == #field) {           \
    constants->field = value;     \
    return true;                  \
  }
  TFRNN_GPU_CONSTANTS(TFRNN_SET)
#undef TFRNN_SET
  return false;
}

}  // namespace tfrnn::cuda
