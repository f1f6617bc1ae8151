// What the ops hand to an engine for a call with `recompute`, which runs it segment by segment.
#pragma once

#include <cstdint>

#include "csrc/core/args.h"
#include "csrc/core/segments.h"

namespace tfrnn {

// The gradient of one direction: the arguments of the passes over the whole sequence. An engine
// adds memory, and what is a segment's own.
template <typename T>
struct RecomputedGradient {
  ForwardArgs<T> forward;  // without results
  BackwardArgs<T> backward;
  InputGradientArgs<T> input;  // without dx where nobody asks for it
  WeightGradientArgs<T> weights;
  std::uint8_t* kept = nullptr;  // the states between segments; only read
};

}  // namespace tfrnn
