// How the blocks of a group hand each other the operand of the next step's product on the way
// forward: h, rows of the batch by the group's padded units. Each block publishes its own units,
// for itself too, and then has the rows of all of them in its shared memory.
//
//   one block  one buffer: the barrier after the product separates readers from writers
//   cluster    two buffers, each with a barrier in shared memory: a block writes its own, then
//              stores its units to all others', whose barriers count the bytes
//   grid       one buffer, and two in L2 of words that say themselves whether they are new: see
//              tagged.cuh. A block stores its units there, and all others poll for them
//
// No buffer is written before all have read what it held. Step t + 2 is written where step t was.
// A block sends its share of t + 2 when it has all shares of t + 1. Every block sent its share of
// t + 1 after the barrier behind its product of step t, where no thread comes whose loads of step t
// are not done: none can see what comes later, though neither way of sending orders loads before
// it. Hence no barrier of all blocks is needed, no block is ever two steps ahead of another, and
// one bit tells this use of a buffer from the last. A block ends after it has received everything
// that is sent to it: nobody writes to one that has ended.
#pragma once

#include "cuda/divisor.cuh"
#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/tagged.cuh"

namespace tfrnn::cuda {

// Of one launch, in device memory; only the grid policy has any. It starts zeroed.
struct ExchangeSpace {
  prim::Word* words = nullptr;  // [groups, 2, unit_slices, stride]
  int most = 0;                 // words that a block sends
  int stride = 0;               // TaggedWords of them
};

inline ExchangeSpace ExchangeSpaceIn(void* workspace, const Geometry& g, const Plan& plan) {
  ExchangeSpace space;
  space.words = static_cast<prim::Word*>(workspace);
  space.most = plan.tile_rows * (g.operand_stride - 16) / plan.unit_slices / 16;
  space.stride = TaggedWords(space.most);
  return space;
}

inline std::size_t ExchangeBytes(const Geometry& g, const Plan& plan, int directions) {
  if (plan.policy != Policy::kGrid) return 0;
  return sizeof(prim::Word) * 2 * ExchangeSpaceIn(nullptr, g, plan).stride *
         static_cast<std::size_t>(plan.unit_slices) * plan.batch_slices * directions;
}

// kRows: of the tile.
template <typename T, int kRows>
class Exchange {
 public:
  // rows: those that lie in the batch. group: of this block in the grid.
  TFRNN_DEVICE Exchange(const Geometry& geometry, Policy policy, const ExchangeSpace& space,
                        int unit_slices, int rows, int rank, int group)
      : g_(geometry),
        space_(space),
        policy_(policy),
        slices_(unit_slices),
        rank_(rank),
        row_words_(geometry.units * static_cast<int>(sizeof(T)) / 16),
        count_(rows < 0 ? 0 : rows * row_words_),
        shared_(prim::SharedMemory() + geometry.operand),
        l2_(space.words + std::int64_t{group} * 2 * unit_slices * space.stride) {}

  // The operand of step 0, by this block alone: every row is first(row, column), of padded units.
  template <typename First>
  TFRNN_DEVICE void Begin(const First& first) {
    const int width = (g_.operand_stride - 16) / static_cast<int>(sizeof(T));
    for (int i = prim::Thread(); i < kRows * width; i += prim::Threads()) {
      const int row = i / width, column = i % width;
      reinterpret_cast<T*>(shared_ + row * g_.operand_stride)[column] = first(row, column);
    }
    if (policy_ == Policy::kCluster) {
      if (prim::Thread() == 0) {
        TFRNN_UNROLL for (int step = 0; step < 2; ++step) prim::InitBarrier(Barrier(step), 1);
        prim::FenceBarriers();
      }
      prim::ArriveCluster();  // before others' memory is written they must have come so far
      prim::WaitCluster();
    } else {
      prim::SyncBlock();
    }
  }

  // The rows that step `step` multiplies.
  TFRNN_DEVICE const unsigned char* Operand(int step) const { return shared_ + Buffer(step); }

  // Publishes for step `step` a value of one of the block's units.
  TFRNN_DEVICE void Put(int step, int row, int unit, T value) const {
    unsigned char* const to = shared_ + Buffer(step) + row * g_.operand_stride;
    reinterpret_cast<T*>(to)[rank_ * g_.units + unit] = value;
  }

  // After the last Put for `step`.
  TFRNN_DEVICE void Publish(int step) const {
    if (policy_ == Policy::kOneBlock) return;
    prim::SyncBlock();
    if (policy_ == Policy::kCluster) {
      if (prim::Thread() == 0) prim::ExpectBytes(Barrier(step), 16 * count_ * (slices_ - 1));
      Push(step);
    } else {
      Send(step);
    }
  }

  // Returns when the operand of `step` is complete.
  TFRNN_DEVICE void Await(int step) const {
    if (policy_ == Policy::kCluster) {
      prim::WaitBarrier(Barrier(step), UseOf(step));
    } else {
      if (policy_ == Policy::kGrid) Receive(step);
      prim::SyncBlock();
    }
  }

 private:
  static constexpr int kAtOnce = WordsAtOnce(kRows);

  TFRNN_DEVICE int Buffer(int step) const {
    return policy_ == Policy::kCluster ? step % 2 * kRows * g_.operand_stride : 0;
  }
  TFRNN_DEVICE void* Barrier(int step) const {
    return prim::SharedMemory() + g_.barriers + step % 2 * 8;
  }

  // The block that word `i` of all others' goes to or comes from. Every block begins with the next
  // one, so that they do not all begin with the same.
  TFRNN_DEVICE int Other(int i) const {
    const int block = rank_ + 1 + count_.Quotient(i);
    return block < slices_ ? block : block - slices_;
  }

  // Where word `i` of block `rank` is in shared memory.
  TFRNN_DEVICE unsigned char* At(int step, int rank, int i) const {
    return shared_ + Buffer(step) + 16 * (rank * row_words_ + i) +
           row_words_.Quotient(i) * (g_.operand_stride - 16 * row_words_);
  }
  // Where the words of block `rank` are in L2; their carriers come space_.most words on.
  TFRNN_DEVICE prim::Word* Sent(int step, int rank) const {
    return l2_ + (step % 2 * slices_ + rank) * space_.stride;
  }

  // Copies the block's own units to every other block of the cluster.
  TFRNN_DEVICE void Push(int step) const {
    for (int i = prim::Thread(); i < count_ * (slices_ - 1); i += prim::Threads()) {
      unsigned char* const at = At(step, rank_, count_.Remainder(i));
      prim::StoreAsync16(at, Other(i), at, Barrier(step));
    }
  }

  TFRNN_DEVICE void Send(int step) const {
    const int lane = prim::Lane();
    for (int first = prim::Thread() - lane; first < count_; first += prim::Threads()) {
      const bool own = first + lane < count_;
      prim::Word word = {};
      if (own) word = *reinterpret_cast<const prim::Word*>(At(step, rank_, first + lane));
      const prim::Word carriers = Seal(&word, TagOf(step));
      prim::Word* const to = Sent(step, rank_);
      if (own) prim::StoreRelaxed(to + first + lane, word);
      if (lane == 0) prim::StoreRelaxed(to + space_.most + first / 32, carriers);
    }
  }

  // Brings the others' units to shared memory.
  TFRNN_DEVICE void Receive(int step) const {
    const int count = count_ * (slices_ - 1), threads = prim::Threads();
    for (int first = prim::Thread(); first < count; first += kAtOnce * threads) {
      TaggedPlace places[kAtOnce];
      prim::Word words[kAtOnce];
      Carrier carriers[kAtOnce];
      TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
        const int i = first + k * threads, word = count_.Remainder(i);
        const int from = Other(i) * space_.stride;
        places[k] = {i < count, from + word, 2 * (from + space_.most) + word / kCarried};
      }
      Poll(Sent(step, 0), places, TagOf(step), words, carriers);
      TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
        const int i = first + k * threads, word = count_.Remainder(i);
        if (i >= count) break;
        *reinterpret_cast<prim::Word*>(At(step, Other(i), word)) =
            Open(words[k], carriers[k], word);
      }
    }
  }

  const Geometry& g_;
  const ExchangeSpace& space_;
  const Policy policy_;
  const int slices_, rank_;
  const Divisor row_words_;  // a block's, of a row
  const Divisor count_;      // words that each block sends
  unsigned char* const shared_;
  prim::Word* const l2_;  // the group's
};

}  // namespace tfrnn::cuda
