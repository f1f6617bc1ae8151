// How the blocks of a group add up what each of them contributes to dh: every block has fp32 shares
// of dh for the units of all and sends each block its units' shares; the owner adds the shares of
// all blocks, itself included, in the order of the blocks, so that a sum does not depend on who
// came first. A share lies in a slot of the owner:
//
//   one block  a slot for every share of the depth, in shared memory. The barrier before the
//              product separates who reads them from who writes them anew
//   cluster    a slot for every block, in the owner's shared memory, twice, with a barrier each
//              that counts the bytes that arrive, a block's own too. Who writes the shares of step
//              t + 2 has those of step t + 1 of all blocks, and they come from sums of step t. The
//              block's warps arrive at it after their products, whose operand is written next
//   grid       the same in L2, copied into the owner's shared memory. A flag for each block counts
//              the steps it has sent, and it raises it after it has copied the step before
#pragma once

#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/product.cuh"

namespace tfrnn::cuda {

// Of one launch, in device memory; only the grid policy has any. The flags start at zero.
struct ReductionSpace {
  std::uint32_t* flags = nullptr;  // [groups, unit_slices, kFlagStride]
  unsigned char* slots = nullptr;  // [groups, 2, unit_slices, slots of a block]
};
constexpr int kFlagStride = 8;  // a flag in every 32 bytes, the unit of traffic with L2

inline std::size_t FlagBytes(const Plan& plan, int directions) {
  if (plan.policy != Policy::kGrid) return 0;
  return sizeof(std::uint32_t) * kFlagStride * static_cast<std::size_t>(plan.unit_slices) *
         plan.batch_slices * directions;
}

inline std::size_t ReductionBytes(const Geometry& g, const Plan& plan, int directions) {
  if (plan.policy != Policy::kGrid) return 0;
  const std::size_t of_block = static_cast<std::size_t>(g.slots) * g.slot_bytes;
  return FlagBytes(plan, directions) +
         2 * of_block * plan.unit_slices * plan.batch_slices * directions;
}

inline ReductionSpace ReductionSpaceIn(void* workspace, const Plan& plan, int directions) {
  return {static_cast<std::uint32_t*>(workspace),
          static_cast<unsigned char*>(workspace) + FlagBytes(plan, directions)};
}

class Reduction {
 public:
  // rows: those of the tile that lie in the batch. group: of this block in the grid.
  TFRNN_DEVICE Reduction(const Geometry& geometry, Policy policy, const ReductionSpace& space,
                         int unit_slices, int tile_rows, int rows, int rank, int group)
      : g_(geometry),
        policy_(policy),
        slices_(unit_slices),
        tile_pairs_(tile_rows / 2),
        pairs_((rows + 1) / 2),
        rank_(rank),
        shared_(prim::SharedMemory() + geometry.sums) {
    if (policy == Policy::kGrid) {
      l2_ = space.slots + std::int64_t{group} * 2 * unit_slices * OwnerBytes();
      flags_ = space.flags + std::int64_t{group} * unit_slices * kFlagStride;
    }
  }

  // Before the first Send.
  TFRNN_DEVICE void Begin() const {
    if (policy_ != Policy::kCluster) return;
    if (prim::Thread() == 0) {
      TFRNN_UNROLL for (int step = 0; step < 2; ++step) {
        prim::InitBarrier(Barrier(step), prim::Threads() / 32);
      }
      prim::FenceBarriers();
    }
    prim::ArriveCluster();  // before others' memory is written they must have come so far
    prim::WaitCluster();
  }

  // Sends for step `step` what a warp holds: the sums of tile `tile`, 16 units of the group.
  template <int kColumns>
  TFRNN_DEVICE void Send(int step, int tile, int share, const float (&sum)[kColumns][4]) const {
    const int owner = tile / g_.granules, first = tile % g_.granules * tile_pairs_;
    if (owner == slices_) return;  // padding
    const int slot = policy_ == Policy::kOneBlock ? share : rank_;
    unsigned char* const slots =
        policy_ == Policy::kGrid ? InL2(step, owner) : shared_ + Buffer(step);
    unsigned char* const to = slots + slot * g_.slot_bytes;
    TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
      const int pair = 4 * c + prim::Lane() % 4;
      if (pair >= pairs_) break;
      Fragment piece;
      TFRNN_UNROLL for (int i = 0; i < 4; ++i) piece.words[i] = prim::Bits(sum[c][i]);
      unsigned char* const at = to + 16 * Piece(first + pair, prim::Lane() / 4);
      if (policy_ == Policy::kCluster) {
        prim::StoreAsync16(at, owner, &piece, Barrier(step));
      } else {
        *reinterpret_cast<Fragment*>(at) = piece;
      }
    }
  }

  // After the last Send for `step`.
  TFRNN_DEVICE void Publish(int step) const {
    if (policy_ == Policy::kCluster) {
      prim::SyncWarp();
      if (prim::Thread() == 0) {
        prim::ExpectBytes(Barrier(step), 16 * Pieces());
      } else if (prim::Lane() == 0) {
        prim::ArriveBarrier(Barrier(step));
      }
    } else if (policy_ == Policy::kGrid) {
      prim::SyncBlock();
      if (prim::Thread() == 0) prim::Signal(flags_ + rank_ * kFlagStride, step);
    }
  }

  // Returns when all shares for `step` have arrived.
  TFRNN_DEVICE void Await(int step) const {
    if (policy_ == Policy::kOneBlock) {
      prim::SyncBlock();
    } else if (policy_ == Policy::kCluster) {
      prim::WaitBarrier(Barrier(step), (step - 1) / 2 % 2);
    } else {
      if (prim::Thread() < 32) {
        for (int r = prim::Thread(); r < slices_; r += 32) {
          prim::Await(flags_ + r * kFlagStride, step);
        }
      }
      prim::SyncBlock();
      Fetch(step);
      prim::SyncBlock();
    }
  }

  // Adds up the shares of a unit of the block. index: granule * tile_rows + row.
  TFRNN_DEVICE float Sum(int step, int index, int unit) const {
    const unsigned char* const from =
        shared_ + Buffer(step) + 16 * Piece(index / 2, unit % 8) + 8 * (unit / 8) + 4 * (index % 2);
    float sum = 0;
    for (int slot = 0; slot < g_.slots; ++slot) {
      sum += *reinterpret_cast<const float*>(from + slot * g_.slot_bytes);
    }
    return sum;
  }

 private:
  // A slot is made of pieces of 16 bytes, of units u and u + 8 of a granule and a pair of rows; the
  // rows beyond the batch come last in a granule. In this order neither the eight lanes that store
  // side by side nor the warp that adds 16 units of two rows meet in a bank.
  static TFRNN_DEVICE int Piece(int pair, int unit) { return 8 * pair + (unit ^ (2 * (pair % 4))); }

  TFRNN_DEVICE int OwnerBytes() const { return g_.slots * g_.slot_bytes; }
  TFRNN_DEVICE int Buffer(int step) const {
    return policy_ == Policy::kCluster ? step % 2 * OwnerBytes() : 0;
  }
  TFRNN_DEVICE void* Barrier(int step) const {
    return prim::SharedMemory() + g_.barriers + step % 2 * 8;
  }
  // That a block receives at a step, its own included.
  TFRNN_DEVICE int Pieces() const { return pairs_ > 0 ? 8 * pairs_ * g_.granules * g_.slots : 0; }
  TFRNN_DEVICE unsigned char* InL2(int step, int owner) const {
    return l2_ + (std::int64_t{step % 2} * slices_ + owner) * OwnerBytes();
  }

  // Copies the slots of this block into its shared memory, but not what no row of the batch needs.
  TFRNN_DEVICE void Fetch(int step) const {
    const unsigned char* const from = InL2(step, rank_);
    const int pieces = 8 * pairs_;
    for (int i = prim::Thread(); i < Pieces(); i += prim::Threads()) {
      const int at = 16 * (i / pieces * 8 * tile_pairs_ + i % pieces);
      prim::CopyAsync16(shared_ + at, from + at);
    }
    prim::WaitForCopies();
  }

  const Geometry& g_;
  const Policy policy_;
  const int slices_, tile_pairs_, pairs_, rank_;
  unsigned char* const shared_;
  unsigned char* l2_ = nullptr;
  std::uint32_t* flags_ = nullptr;
};

}  // namespace tfrnn::cuda
