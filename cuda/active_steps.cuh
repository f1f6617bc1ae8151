// Where a masked sequence ends for a block.
#pragma once

#include "cuda/loop.h"
#include "cuda/prim.cuh"

namespace tfrnn::cuda {

// The steps up to the last that some of the block's rows takes. The blocks of a group have the same
// rows and find the same, so behind it they need neither products nor each other. Uses the
// beginning of the shared memory, a word for each warp.
template <typename T>
TFRNN_DEVICE std::int32_t ActiveSteps(const LoopBase<T>& a, std::int32_t first_row,
                                      std::int32_t rows) {
  if (a.mask == nullptr) return a.time;
  constexpr int kAtOnce = 4;  // loads of a thread under way
  const int warp = prim::Thread() / 32, warps = prim::Threads() / 32, lane = prim::Lane();
  std::int32_t steps = 0;
  for (std::int32_t end = a.time; lane < rows && steps == 0 && end > 0; end -= kAtOnce * warps) {
    TFRNN_UNROLL for (int i = kAtOnce - 1; i >= 0; --i) {
      const std::int32_t t = end - 1 - i * warps - warp;
      if (t >= 0 && a.mask[RowOf(a.input, t, first_row + lane)]) steps = t + 1;
    }
  }
  steps = prim::MaxOfWarp(steps);
  std::int32_t* const of_warps = reinterpret_cast<std::int32_t*>(prim::SharedMemory());
  if (lane == 0) of_warps[warp] = steps;
  prim::SyncBlock();
  for (int i = 0; i < warps; ++i) steps = of_warps[i] > steps ? of_warps[i] : steps;
  prim::SyncBlock();  // the memory is free again
  return steps;
}

}  // namespace tfrnn::cuda
