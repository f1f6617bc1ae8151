// How the blocks of a group hand each other the operand of the next step's product on the way
// forward: h, rows of the batch by the group's padded units. Each block publishes its own units,
// for itself too, and then has the rows of all of them in its shared memory.
//
//   one block  one buffer: the barrier after the product separates readers from writers
//   cluster    two buffers: a block writes its own, then copies its units to all others' shared
//              memory. Who is at step t + 1 has seen everybody arrive after step t's product,
//              so nobody reads the buffer that is written next.
//   grid       two buffers in L2 and one in shared memory. A flag for each block counts the
//              steps it has published, and it raises it after reading the step before.
#pragma once

#include "cuda/geometry.h"
#include "cuda/prim.cuh"

namespace tfrnn::cuda {

// Of one launch, in device memory; only the grid policy has any. The flags start at zero.
struct ExchangeSpace {
  unsigned char* rows = nullptr;   // [groups, 2, tile_rows, row bytes]
  std::uint32_t* flags = nullptr;  // [groups, unit_slices, kFlagStride]
};
constexpr int kFlagStride = 8;  // a flag in every 32 bytes, the unit of traffic with L2

template <typename T>
class Exchange {
 public:
  // rows: those of the tile that lie in the batch. group: of this block in the grid.
  TFRNN_DEVICE Exchange(const Geometry& geometry, Policy policy, const ExchangeSpace& space,
                        int unit_slices, int tile_rows, int rows, int rank, int group)
      : g_(geometry),
        policy_(policy),
        slices_(unit_slices),
        tile_rows_(tile_rows),
        rows_(rows),
        rank_(rank),
        row_bytes_(geometry.operand_stride - 16),
        shared_(prim::SharedMemory() + geometry.operand) {
    if (policy == Policy::kGrid) {
      l2_ = space.rows + std::int64_t{group} * 2 * tile_rows * row_bytes_;
      flags_ = space.flags + std::int64_t{group} * unit_slices * kFlagStride;
    }
  }

  // The operand of step 0, by this block alone: every row is first(row, column), of padded units.
  template <typename First>
  TFRNN_DEVICE void Begin(const First& first) {
    const int width = row_bytes_ / static_cast<int>(sizeof(T));
    for (int i = prim::Thread(); i < tile_rows_ * width; i += prim::Threads()) {
      const int row = i / width, column = i % width;
      reinterpret_cast<T*>(shared_ + row * g_.operand_stride)[column] = first(row, column);
    }
    if (policy_ == Policy::kCluster) {
      prim::ArriveCluster();  // the others must have started before their memory is written
      prim::WaitCluster();
    } else {
      prim::SyncBlock();
    }
  }

  // The rows that step `step` multiplies.
  TFRNN_DEVICE const unsigned char* Operand(int step) const { return shared_ + Buffer(step); }

  // Publishes for step `step` a value of one of the block's units.
  TFRNN_DEVICE void Put(int step, int row, int unit, T value) const {
    unsigned char* const to = policy_ == Policy::kGrid
                                  ? l2_ + ((step % 2) * tile_rows_ + row) * row_bytes_
                                  : shared_ + Buffer(step) + row * g_.operand_stride;
    reinterpret_cast<T*>(to)[rank_ * g_.units + unit] = value;
  }

  // After the last Put for `step`.
  TFRNN_DEVICE void Publish(int step) const {
    if (policy_ == Policy::kOneBlock) return;
    prim::SyncBlock();
    if (policy_ == Policy::kCluster) {
      Push(step);
      prim::ArriveCluster();
    } else if (prim::Thread() == 0) {
      prim::Signal(flags_ + rank_ * kFlagStride, step);
    }
  }

  // Returns when the operand of `step` is complete.
  TFRNN_DEVICE void Await(int step) const {
    if (policy_ == Policy::kOneBlock) {
      prim::SyncBlock();
    } else if (policy_ == Policy::kCluster) {
      prim::WaitCluster();
    } else {
      if (prim::Thread() < 32) {
        for (int r = prim::Thread(); r < slices_; r += 32) {
          prim::Await(flags_ + r * kFlagStride, step);
        }
      }
      prim::SyncBlock();
      Pull(step);
      prim::SyncBlock();
    }
  }

 private:
  TFRNN_DEVICE int Buffer(int step) const {
    return policy_ == Policy::kCluster ? step % 2 * tile_rows_ * g_.operand_stride : 0;
  }

  // Copies the block's own units to every other block of the cluster.
  TFRNN_DEVICE void Push(int step) const {
    const int pieces = g_.units * static_cast<int>(sizeof(T)) / 16;
    const int count = rows_ * pieces;
    for (int i = prim::Thread(); i < count * (slices_ - 1); i += prim::Threads()) {
      // Every block begins with the next one, so that they do not all write to the same.
      const int to = (rank_ + 1 + i / count) % slices_, piece = i % count;
      unsigned char* const at = shared_ + Buffer(step) + piece / pieces * g_.operand_stride +
                                rank_ * g_.units * static_cast<int>(sizeof(T)) +
                                piece % pieces * 16;
      prim::StoreRemote16(at, to, at);
    }
  }

  TFRNN_DEVICE void Pull(int step) const {
    const int pieces = row_bytes_ / 16;
    const unsigned char* const from = l2_ + (step % 2) * tile_rows_ * row_bytes_;
    for (int i = prim::Thread(); i < rows_ * pieces; i += prim::Threads()) {
      const int row = i / pieces, piece = i % pieces;
      prim::CopyAsync16(shared_ + row * g_.operand_stride + piece * 16, from + i * 16);
    }
    prim::WaitForCopies();
  }

  const Geometry& g_;
  const Policy policy_;
  const int slices_, tile_rows_, rows_, rank_, row_bytes_;
  unsigned char* const shared_;
  unsigned char* l2_ = nullptr;
  std::uint32_t* flags_ = nullptr;
};

}  // namespace tfrnn::cuda
