// Which steps of a call a mask lets through. A step is an index t * batch + b, as in the panels.
#pragma once

#include "csrc/cpu/layout.h"

namespace tfrnn::cpu::TFRNN_ISA {

class Steps {
 public:
  // Takes memory for two tables if there is a mask; Fill fills them.
  Steps(const RnnShape& shape, const RnnOptions& options, const bool* mask, Arena& arena)
      : rows_(shape, options),
        time_(shape.time),
        batch_(shape.batch),
        mask_(mask),
        count_(shape.time * shape.batch),
        previous_(mask == nullptr ? nullptr : arena.Take<std::int32_t>(count_)),
        active_(mask == nullptr ? nullptr : arena.Take<Index>(count_)) {}

  void Fill() {
    if (mask_ == nullptr) return;
    count_ = 0;
    for (Index t = 0; t < time_; ++t) {
      for (Index b = 0; b < batch_; ++b) {
        const Index step = t * batch_ + b, before = step - batch_;
        previous_[step] = t == 0             ? -1
                          : Active(t - 1, b) ? static_cast<std::int32_t>(t - 1)
                                             : previous_[before];
        if (Active(t, b)) active_[count_++] = step;
      }
    }
  }

  bool Active(Index t, Index b) const { return mask_ == nullptr || mask_[rows_.Input(t, b)]; }
  // The last time before t at which row b is active, -1 if there is none.
  Index Previous(Index t, Index b) const {
    return mask_ == nullptr ? t - 1 : previous_[t * batch_ + b];
  }
  // The active steps in order: how many, the k-th, and where they are listed (null: all are).
  Index count() const { return count_; }
  Index operator[](Index k) const { return mask_ == nullptr ? k : active_[k]; }
  const Index* listed() const { return active_; }

 private:
  const Rows rows_;
  const Index time_, batch_;
  const bool* const mask_;
  Index count_;
  std::int32_t* const previous_;
  Index* const active_;
};

}  // namespace tfrnn::cpu::TFRNN_ISA
