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
//   grid       a slot for every block, in the owner's shared memory, once. Shares of others come
//              through L2, twice, in words that say themselves whether they are new: see
//              tagged.cuh. The barrier before the product separates who reads the slots from who
//              writes them anew, and the one behind it who reads the product's operand. Who sends
//              the shares of step t + 2 has those of step t + 1 of all blocks, which they sent
//              after they had received all of step t
#pragma once

#include "cuda/divisor.cuh"
#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/product.cuh"
#include "cuda/tagged.cuh"

namespace tfrnn::cuda {

// Of one launch, in device memory; only the grid policy has any. It starts zeroed.
struct ReductionSpace {
  prim::Word* words = nullptr;  // [groups, 2, owners, unit_slices, stride]
  int most = 0;                 // words that a block sends to an owner
  int stride = 0;               // TaggedWords of them
};

inline ReductionSpace ReductionSpaceIn(void* workspace, const Geometry& g) {
  const int most = g.slot_bytes / 16;
  return {static_cast<prim::Word*>(workspace), most, TaggedWords(most)};
}

inline std::size_t ReductionBytes(const Geometry& g, const Plan& plan, int directions) {
  if (plan.policy != Policy::kGrid) return 0;
  const std::size_t slices = static_cast<std::size_t>(plan.unit_slices);
  return sizeof(prim::Word) * 2 * ReductionSpaceIn(nullptr, g).stride * slices * slices *
         plan.batch_slices * directions;
}

// kRows: of the tile.
template <int kRows>
class Reduction {
 public:
  static constexpr int kColumns = kRows / 8;  // of the matrix instruction

  // rows: those that lie in the batch. group: of this block in the grid.
  TFRNN_DEVICE Reduction(const Geometry& geometry, Policy policy, const ReductionSpace& space,
                         int unit_slices, int rows, int rank, int group)
      : g_(geometry),
        space_(space),
        policy_(policy),
        slices_(unit_slices),
        pairs_(rows < 0 ? 0 : (rows + 1) / 2),
        rank_(rank),
        granules_(geometry.granules),
        columns_((pairs_ + 3) / 4),
        shared_(prim::SharedMemory() + geometry.sums),
        l2_(space.words + std::int64_t{group} * 2 * unit_slices * unit_slices * space.stride) {}

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
  TFRNN_DEVICE void Send(int step, int tile, int share, const float (&sum)[kColumns][4]) const {
    const int owner = granules_.Quotient(tile), granule = tile - owner * granules_;
    if (owner == slices_) return;  // padding
    const int slot = policy_ == Policy::kOneBlock ? share : rank_;
    unsigned char* const to = shared_ + Buffer(step) + slot * g_.slot_bytes;
    TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
      if (4 * c >= pairs_) break;
      const int group = granule * kColumns + c;
      const bool inside = Inside(c);
      Fragment piece;
      TFRNN_UNROLL for (int i = 0; i < 4; ++i) piece.words[i] = prim::Bits(sum[c][i]);
      unsigned char* const at = to + PieceAt(group);
      if (policy_ == Policy::kCluster) {
        if (inside) prim::StoreAsync16(at, owner, &piece, Barrier(step));
      } else if (policy_ == Policy::kOneBlock || owner == rank_) {
        if (inside) *reinterpret_cast<Fragment*>(at) = piece;
      } else {
        prim::Word word;
        TFRNN_UNROLL for (int i = 0; i < 2; ++i) {
          word.half[i] = piece.words[2 * i] | std::uint64_t{piece.words[2 * i + 1]} << 32;
        }
        const prim::Word carriers = Seal(&word, TagOf(step));
        prim::Word* const sent = Sent(step, owner, rank_);
        if (inside) prim::StoreRelaxed(sent + 32 * group + prim::Lane(), word);
        if (prim::Lane() == 0) prim::StoreRelaxed(sent + space_.most + group, carriers);
      }
    }
  }

  // After the last Send for `step`.
  TFRNN_DEVICE void Publish(int step) const {
    if (policy_ != Policy::kCluster) return;
    prim::SyncWarp();
    if (prim::Thread() == 0) {
      prim::ExpectBytes(Barrier(step), 16 * Pieces());
    } else if (prim::Lane() == 0) {
      prim::ArriveBarrier(Barrier(step));
    }
  }

  // Returns when all shares for `step` have arrived.
  TFRNN_DEVICE void Await(int step) const {
    if (policy_ == Policy::kCluster) {
      prim::WaitBarrier(Barrier(step), UseOf(step));
    } else {
      if (policy_ == Policy::kGrid) Receive(step);
      prim::SyncBlock();
    }
  }

  // Adds up the shares of a unit of the block. index: granule * kRows + row.
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
  static constexpr int kAtOnce = WordsAtOnce(kRows);

  // A slot is made of pieces of 16 bytes, of units u and u + 8 of a granule and a pair of rows; the
  // rows beyond the batch come last in a granule. In this order neither the eight lanes that store
  // side by side nor the warp that adds 16 units of two rows meet in a bank.
  static TFRNN_DEVICE int Piece(int pair, int unit) { return 8 * pair + (unit ^ (2 * (pair % 4))); }

  // Where in a slot is the piece of this lane, of which the matrix instruction's result gave it a
  // granule's sums of eight rows. group: granule * kColumns + column.
  static TFRNN_DEVICE int PieceAt(int group) {
    return 16 * Piece(4 * group + prim::Lane() % 4, prim::Lane() / 4);
  }

  // Whether this lane's pair of eight rows has one in the batch.
  TFRNN_DEVICE bool Inside(int column) const {
    return 4 * column + static_cast<int>(prim::Lane()) % 4 < pairs_;
  }

  TFRNN_DEVICE int Buffer(int step) const {
    return policy_ == Policy::kCluster ? step % 2 * g_.slots * g_.slot_bytes : 0;
  }
  TFRNN_DEVICE void* Barrier(int step) const {
    return prim::SharedMemory() + g_.barriers + step % 2 * 8;
  }
  // That a block receives at a step, its own included.
  TFRNN_DEVICE int Pieces() const { return 8 * pairs_ * granules_ * g_.slots; }

  // Where the words of a block for an owner are in L2; their carriers come space_.most words on.
  TFRNN_DEVICE prim::Word* Sent(int step, int owner, int from) const {
    return l2_ + ((std::int64_t{step % 2} * slices_ + owner) * slices_ + from) * space_.stride;
  }

  // Brings the others' shares to shared memory: a warp what a warp sent, the same lanes.
  TFRNN_DEVICE void Receive(int step) const {
    const int count = columns_ * granules_ * (slices_ - 1);
    const int warps = prim::Threads() / 32, lane = prim::Lane();
    for (int first = prim::Thread() / 32; first < count; first += kAtOnce * warps) {
      TaggedPlace places[kAtOnce];
      int pieces_at[kAtOnce];
      prim::Word words[kAtOnce];
      Carrier carriers[kAtOnce];
      TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
        const int i = first + k * warps, column = columns_.Remainder(i);
        const int granule = columns_.Quotient(i);  // of those of all other blocks
        const int group = granules_.Remainder(granule) * kColumns + column;
        // Every block begins with the next one, so that they do not all begin with the same.
        const int next = rank_ + 1 + granules_.Quotient(granule);
        const int block = next < slices_ ? next : next - slices_, from = block * space_.stride;
        places[k] = {i < count && Inside(column), from + 32 * group + lane,
                     2 * (from + space_.most + group) + lane / kCarried};
        pieces_at[k] = block * g_.slot_bytes + PieceAt(group);
      }
      Poll(Sent(step, rank_, 0), places, TagOf(step), words, carriers);
      TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
        if (!places[k].wanted) continue;
        *reinterpret_cast<prim::Word*>(shared_ + pieces_at[k]) = Open(words[k], carriers[k], lane);
      }
    }
  }

  const Geometry& g_;
  const ReductionSpace& space_;
  const Policy policy_;
  const int slices_, pairs_, rank_;
  const Divisor granules_;  // of a block
  const Divisor columns_;   // that have rows in the batch
  unsigned char* const shared_;
  prim::Word* const l2_;  // the group's
};

}  // namespace tfrnn::cuda
