// How a call is spread over the GPU: what plan() decides and the launchers obey.
//
// A direction of a layer is cut into unit_slices x batch_slices blocks. The blocks of one batch
// slice form a group: each keeps the recurrent weights of its units on chip for the whole sequence
// and hands its share of the step's result to the rest of the group. Groups never wait for each
// other, nor do the directions of a bidirectional layer.
#pragma once

#include <cstdint>

namespace tfrnn::cuda {

enum class Policy {
  kStepwise,  // a product and a pointwise kernel each step; any cell, type and size
  kOneBlock,  // a group is one block
  kCluster,   // a group is a cluster, exchanging through distributed shared memory
  kGrid,      // a group exchanges through L2; all blocks of the launch must be resident at once
};

struct Plan {
  Policy policy = Policy::kStepwise;
  // The rest is for the other policies.
  int unit_slices = 1;   // blocks of a group, at most 16 in a cluster; each takes 16 units or more
  int batch_slices = 1;  // groups of a direction; batch_slices * tile_rows >= batch
  int tile_rows = 8;     // batch rows of a group: 8, 16 or 32
  int warps = 8;         // of a block, at most 8
};

// What the launchers, the kernels and plan() need to know of a cell.
struct CellShape {
  int gates = 0;  // kGates
  int sums = 0;   // kSums
  bool has_options = false;
};

enum class Pass { kForward, kBackward };

}  // namespace tfrnn::cuda
