// The pieces of the reserve space and of the workspace, and how a call's arguments describe its
// recurrence.
#pragma once

#include <cstddef>
#include <utility>

#include "csrc/core/philox.h"
#include "cuda/launch.h"

namespace tfrnn::cuda {

// Hands out aligned pieces of a block of memory; without one, counts what it would take.
class Arena {
 public:
  explicit Arena(void* memory) : memory_(static_cast<unsigned char*>(memory)) {}

  template <typename T>
  T* Take(std::int64_t count) {
    T* const piece = static_cast<T*>(rest());
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
    return piece;
  }
  void* rest() const { return memory_ == nullptr ? nullptr : memory_ + used_; }
  std::size_t used() const { return used_; }

 private:
  unsigned char* const memory_;
  std::size_t used_ = 0;
};

// What forward keeps for the gradient. Rows are input rows: see loop.h.
template <typename Cell, typename T>
struct Reserve {
  T* gates = nullptr;            // [rows, K*U]
  T* previous[kMaxStates] = {};  // S of [rows, U]
  T* last[kMaxStates] = {};      // of [B, U], but for h
  T* stepped[kMaxStates] = {};   // of [rows, U], where zoneout mixes a state that is not h
  std::size_t bytes = 0;

  Reserve(const RnnShape& s, const RnnOptions& o, void* memory) {
    Arena arena(memory);
    const std::int64_t rows = s.time * s.batch;
    gates = arena.Take<T>(rows * Cell::kSaved * s.units);
    for (int i = 0; i < Cell::kStates; ++i) {
      previous[i] = arena.Take<T>(rows * s.units);
      if (i == 0) continue;
      last[i] = arena.Take<T>(s.batch * s.units);
      if (o.cell_zoneout > 0) stepped[i] = arena.Take<T>(rows * s.units);
    }
    bytes = arena.used();
  }
};

// Of the rows of a call. Those of a segment are its own but for results and what comes back of
// them, which are the `whole` sequence's.
inline RowMap RowsOf(const RnnShape& s, bool backwards, bool whole = false) {
  const std::int64_t time = whole && s.total > 0 ? s.total : s.time;
  const std::int64_t first = whole ? s.first : 0;
  RowMap map;
  map.time_stride = s.time_major ? s.batch : 1;
  map.batch_stride = s.time_major ? 1 : time;
  map.first = (backwards ? time - 1 - first : first) * map.time_stride;
  if (backwards) map.time_stride = -map.time_stride;
  return map;
}

inline Noise NoiseOf(const RnnShape& s, const RnnOptions& o) {
  const Philox philox(o.seed, tfrnn::Stream::kRecurrentDropout);
  Noise noise;
  noise.key[0] = philox.key[0], noise.key[1] = philox.key[1], noise.counter = philox.seed;
  noise.first_step = static_cast<std::uint32_t>(s.first);
  noise.training = o.training;
  const double zoneout[] = {o.zoneout, o.cell_zoneout};
  for (int s = 0; s < 2; ++s) {
    noise.zoneout[s] = zoneout[s], noise.zoneout_below[s] = PhiloxThreshold(zoneout[s]);
  }
  if (o.training && o.recurrent_dropout > 0) {
    noise.dropout_below = PhiloxThreshold(o.recurrent_dropout);
    noise.dropout_scale = 1 / (1 - o.recurrent_dropout);
  }
  return noise;
}

template <typename T>
void FillBase(const RnnShape& s, const RnnOptions& o, const CallOptions& options,
              LoopBase<T>* loop) {
  loop->time = static_cast<std::int32_t>(s.time);
  loop->batch = static_cast<std::int32_t>(s.batch);
  loop->units = static_cast<std::int32_t>(s.units);
  loop->zero_output_for_mask = o.zero_output_for_mask;
  loop->exact = options.exact;
  loop->input = RowsOf(s, o.go_backwards);
  loop->output = RowsOf(s, o.reverse_outputs, !s.local_outputs);
  loop->output_width = s.OutputStride();
  loop->noise = NoiseOf(s, o);
}

// Why the sizes cannot be handled at all, or "": kernels count with 32 bits.
inline Error TooLarge(const RnnShape& s) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 30;
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"time", s.time}, {"batch", s.batch}, {"units", s.units}, {"projection", s.projection}};
  for (const auto& [name, size] : sizes) {
    if (size > kLimit) {
      return std::string(name) + " is " + std::to_string(size) + "; expected at most 2^30";
    }
  }
  return "";
}

}  // namespace tfrnn::cuda
