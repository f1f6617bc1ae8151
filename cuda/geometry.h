// The shape of a persistent kernel's block: how its warps share the recurrent product and where
// everything lies in shared memory. Plain C++, computed on the host, read by plan() and kernels.
//
// The weights are operand A of the matrix instruction, 16 rows by 32 bytes of depth, in the order
// in which a warp's lanes read them: the first steps of the first job of every warp in its
// registers, which cost nothing to read, and the rest in shared memory. A granule is 16 units. On
// the way forward a block makes the sums of its own units: the rows of a tile are a granule's
// columns of one gate, and the depth runs over the units that h comes from, all of them. On the way
// back it makes its share of everybody's dh: the rows of a tile are 16 units that dh goes to, any
// of the group, and the depth runs over the gates of the block's own units. Either way they are the
// same weights, G * units * padded_units of them. A job of the product is a few tiles and a part of
// the depth.
#pragma once

#include <cstdint>

#include "csrc/cells/cell.h"
#include "cuda/plan_types.h"

namespace tfrnn::cuda {

constexpr int kGranule = 16;             // units
constexpr int kFragmentBytes = 16 * 32;  // a tile of weights
constexpr int kStepBytes = 32;           // depth of a tile
constexpr int kSumStride = 20;           // floats between rows of 16 sums: no bank conflicts

struct Geometry {
  int granules = 0;        // of a block
  int units = 0;           // of a block: granules * 16
  int padded_units = 0;    // of a group
  int jobs = 0;            // that the block's product is shared out in, not counting the depth
  int tiles = 0;           // of the weights of all jobs; on the way back the last may be padding
  int depth_steps = 0;     // tiles along the depth
  int depth_splits = 0;    // parts the depth is shared out in
  int held_steps = 0;      // of the first part that a warp multiplies, in its registers
  int operand_stride = 0;  // bytes of a row of the other operand
  int operand_buffers = 0;
  // On the way back: the shares that the owner of a unit adds up, and bytes of one of them.
  int slots = 0, slot_bytes = 0;
  int held_bytes = 0;  // of weights, in registers
  // Offsets into shared memory, in bytes. The other weights come first.
  int operand = 0, sums = 0, bias = 0, barriers = 0, bytes = 0;
};

// Warps of a block, at most. What a thread needs besides the weights that it holds hardly depends
// on how many threads there are: the fewer they are, the more weights the registers hold in all.
constexpr int kMaxWarps = 8;

// Pairs of a unit and a row of the batch whose state a thread keeps, at most.
TFRNN_CELL constexpr int PairsOfThread(int tile_rows) { return tile_rows == 32 ? 8 : 4; }
constexpr int MaxGranules(const Plan& plan) {
  return 32 * plan.warps * PairsOfThread(plan.tile_rows) / (kGranule * plan.tile_rows);
}

// Steps of a job of so many tiles that a warp has registers for, 4 a tile. The states of 32 rows
// leave none, and options (see options.h) fewer.
TFRNN_CELL constexpr int HeldSteps(int tiles, int tile_rows, bool has_options) {
  if (tile_rows == 32) return 0;
  return (has_options ? 12 : tile_rows == 16 ? 16 : 20) / tiles;
}

// Tiles of a job on the way back: one's sums hide the latency of the other's, where the rows do not
// take so many registers that two would spill.
TFRNN_CELL constexpr int BackwardTiles(int tile_rows) { return tile_rows == 32 ? 1 : 2; }

constexpr int CeilDiv(std::int64_t a, int b) { return static_cast<int>((a + b - 1) / b); }

// element_size: 2 or 4. `units` and the plan must be sensible: see Unsuitable in launch.h.
constexpr Geometry GeometryOf(const CellShape& cell, Pass pass, int element_size,
                              std::int64_t units, const Plan& plan) {
  const bool forward = pass == Pass::kForward;
  const int buffers = plan.policy == Policy::kCluster ? 2 : 1;
  const int job_tiles = forward ? cell.gates : BackwardTiles(plan.tile_rows);
  Geometry g;
  g.granules = CeilDiv(CeilDiv(units, kGranule), plan.unit_slices);
  g.units = g.granules * kGranule;
  g.padded_units = g.units * plan.unit_slices;
  g.jobs = forward ? g.granules : CeilDiv(g.padded_units, job_tiles * kGranule);
  g.tiles = g.jobs * job_tiles;
  const int row_bytes = (forward ? g.padded_units : cell.gates * g.units) * element_size;
  g.depth_steps = row_bytes / kStepBytes;
  // Splits of the depth on the way back are slots to exchange, which only a lone block does not.
  g.depth_splits = forward || plan.unit_slices == 1 ? plan.warps / g.jobs : 1;
  if (g.depth_splits < 1) g.depth_splits = 1;
  if (g.depth_splits > g.depth_steps) g.depth_splits = g.depth_steps;
  // An odd number of 16-byte pieces: eight rows at the same column lie in different banks.
  g.operand_stride = row_bytes + 16;
  g.operand_buffers = forward ? buffers : 1;
  g.held_steps = HeldSteps(job_tiles, plan.tile_rows, cell.has_options);
  // No more than the smallest part has, so that it is plain where in shared memory each begins.
  if (g.held_steps > g.depth_steps / g.depth_splits) g.held_steps = g.depth_steps / g.depth_splits;
  const int parts = g.jobs * g.depth_splits, holders = parts < plan.warps ? parts : plan.warps;
  g.held_bytes = holders * g.held_steps * job_tiles * kFragmentBytes;
  g.operand = g.tiles * g.depth_steps * kFragmentBytes - g.held_bytes;
  g.sums = g.operand + g.operand_buffers * plan.tile_rows * g.operand_stride;
  if (forward) {
    g.bias = g.sums + g.depth_splits * g.tiles * plan.tile_rows * kSumStride * 4;
    g.barriers = g.bias + cell.sums * g.units * 4;
  } else {
    g.slots = plan.unit_slices * g.depth_splits;
    g.slot_bytes = g.units * plan.tile_rows * 4;
    g.bias = g.barriers = g.sums + buffers * g.slots * g.slot_bytes;
  }
  g.bytes = g.barriers + (plan.policy == Policy::kCluster ? 16 : 0);  // one of 8 for each buffer
  return g;
}

// Words of 16 bytes that a thread of the grid policy polls for at once, as its registers allow.
constexpr int WordsAtOnce(int tile_rows) { return tile_rows == 16 ? 2 : 4; }

}  // namespace tfrnn::cuda
