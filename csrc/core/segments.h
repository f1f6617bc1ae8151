// How a call with `recompute` is cut in time, and what it keeps: the states between segments.
#pragma once

#include <algorithm>

#include "csrc/core/args.h"
#include "csrc/core/types.h"

namespace tfrnn {

template <typename T>
class Segments {
  using A = ComputeType<T>;

 public:
  // Keeps h as it is put out, and the other of so many states as they are computed.
  Segments(const RnnShape& whole, int states, std::int64_t steps)
      : Segments(whole, steps, whole.batch * whole.Hidden() * sizeof(T),
                 (states - 1) * whole.batch * whole.units * sizeof(A)) {}
  // Keeps so many bytes of h and of what an engine carries.
  Segments(const RnnShape& whole, std::int64_t steps, std::int64_t h_bytes,
           std::int64_t carry_bytes)
      : whole_(whole),
        steps_(std::max<std::int64_t>(1, std::min(steps, whole.time))),
        count_(std::max<std::int64_t>(1, (whole.time + steps_ - 1) / steps_)),
        h_bytes_(Aligned(h_bytes)),
        carry_bytes_(Aligned(carry_bytes)) {}

  std::int64_t count() const { return count_; }
  // Bytes of a reserve space: the states before every segment but the first.
  std::int64_t bytes() const { return (count_ - 1) * (h_bytes_ + carry_bytes_); }

  RnnShape Shape(std::int64_t segment) const {
    RnnShape shape = whole_;
    shape.first = segment * steps_;
    shape.time = std::min(steps_, whole_.time - shape.first);
    shape.total = whole_.time;
    return shape;
  }
  // h before a segment >= 1, and what is carried besides.
  T* H(std::uint8_t* reserve, std::int64_t segment) const {
    return reinterpret_cast<T*>(reserve + (segment - 1) * (h_bytes_ + carry_bytes_));
  }
  void* Carry(std::uint8_t* reserve, std::int64_t segment) const {
    return reserve + (segment - 1) * (h_bytes_ + carry_bytes_) + h_bytes_;
  }

 private:
  static std::int64_t Aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

  const RnnShape whole_;
  const std::int64_t steps_, count_, h_bytes_, carry_bytes_;
};

}  // namespace tfrnn
