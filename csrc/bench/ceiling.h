// What this machine can do at most: ceilings to hold the results of a benchmark against.
#pragma once

#include <cstddef>

namespace tfrnn::bench {

// float32 multiply-adds in registers, with the instruction set the engine uses: GFLOP/s of all
// threads together, each running for `seconds`. A multiply-add counts as two operations.
double FmaGflops(double seconds, int threads);

// Reading memory: GB/s of all threads together, each going over `bytes` bytes of its own again
// and again for `seconds`. The size decides which cache, if any, the bytes come from.
double ReadGbytes(std::size_t bytes, double seconds, int threads);

}  // namespace tfrnn::bench
