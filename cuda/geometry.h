// The shape of a persistent kernel's block: how its warps share the recurrent product and where
// everything lies in shared memory. Plain C++, computed on the host, read by plan() and kernels.
//
// The weights are operand A of the matrix instruction, 16 rows by 32 bytes of depth, in the order
// in which a warp's lanes read them. A granule is 16 units. On the way forward its rows are the
// units' columns of kernel's gates, one tile a gate, and the depth runs over the units that h
// comes from. On the way back its rows are the units that dh goes to, one tile, and the depth runs
// over the columns of all gates. A job of the product is a granule and a part of the depth.
#pragma once

#include <cstdint>

#include "cuda/plan_types.h"

namespace tfrnn::cuda {

constexpr int kGranule = 16;             // units
constexpr int kFragmentBytes = 16 * 32;  // a tile of weights
constexpr int kStepBytes = 32;           // depth of a tile
constexpr int kSumStride = 20;           // floats between rows of 16 sums: no bank conflicts
constexpr int kMaxWarps = 16;

struct Geometry {
  int granules = 0;        // of a block
  int units = 0;           // of a block: granules * 16
  int padded_units = 0;    // of a group
  int tiles = 0;           // of a granule
  int parts = 0;           // values a unit publishes: 1 forward, the gates backward
  int depth_steps = 0;     // tiles along the depth
  int depth_splits = 0;    // parts the depth is shared out in
  int operand_stride = 0;  // bytes of a row of the other operand
  int operand_buffers = 0;
  // Offsets into shared memory, in bytes.
  int operand = 0, sums = 0, bias = 0, barriers = 0, bytes = 0;
};

constexpr int CeilDiv(std::int64_t a, int b) { return static_cast<int>((a + b - 1) / b); }

// element_size: 2 or 4. `units` and the plan must be sensible: see Unsuitable in launch.h.
constexpr Geometry GeometryOf(const CellShape& cell, Pass pass, int element_size,
                              std::int64_t units, const Plan& plan) {
  const bool forward = pass == Pass::kForward;
  Geometry g;
  g.granules = CeilDiv(CeilDiv(units, kGranule), plan.unit_slices);
  g.units = g.granules * kGranule;
  g.padded_units = g.units * plan.unit_slices;
  g.tiles = forward ? cell.gates : 1;
  g.parts = forward ? 1 : cell.gates;
  const int row_bytes = g.parts * g.padded_units * element_size;
  g.depth_steps = row_bytes / kStepBytes;
  g.depth_splits = plan.warps / g.granules;
  if (g.depth_splits < 1) g.depth_splits = 1;
  if (g.depth_splits > g.depth_steps) g.depth_splits = g.depth_steps;
  // An odd number of 16-byte pieces: eight rows at the same column lie in different banks.
  g.operand_stride = row_bytes + 16;
  g.operand_buffers = plan.policy == Policy::kCluster ? 2 : 1;
  g.operand = g.granules * g.tiles * g.depth_steps * kFragmentBytes;
  g.sums = g.operand + g.operand_buffers * plan.tile_rows * g.operand_stride;
  g.bias = g.sums + g.depth_splits * g.granules * g.tiles * plan.tile_rows * kSumStride * 4;
  g.barriers = g.bias + (forward ? cell.sums * g.units * 4 : 0);
  g.bytes = g.barriers + (plan.policy == Policy::kCluster ? 16 : 0);  // one of 8 for each buffer
  return g;
}

// Words of 16 bytes that a thread of the grid policy polls for at once, as its registers allow.
constexpr int WordsAtOnce(int tile_rows) { return tile_rows == 16 ? 2 : 4; }

}  // namespace tfrnn::cuda
