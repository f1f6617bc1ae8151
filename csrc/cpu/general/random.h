// The random factors of one row of one step.
#pragma once

#include "csrc/cells/zoneout.h"
#include "csrc/core/args.h"
#include "csrc/core/philox.h"
#include "csrc/cpu/isa.h"

namespace tfrnn::cpu::TFRNN_ISA {

// factors[u - begin] = word of u < threshold ? masked : open, for u in [begin, end) of row `step`
// of a stream over [T * batch, width].
template <typename A>
TFRNN_NOINLINE void RandomRow(const Philox& philox, std::uint32_t threshold, Index step,
                              Index width, Range units, A masked, A open, A* factors) {
  constexpr Index kAtOnce = 16;  // groups of four side by side: the rounds then run in vectors
  const std::uint64_t row = static_cast<std::uint64_t>(step) * PhiloxGroups(width);
  std::uint32_t words[kAtOnce][4];
  for (Index group = units.begin / 4; group * 4 < units.end; group += kAtOnce) {
    for (Index i = 0; i < kAtOnce; ++i) {
      philox.Group(row + static_cast<std::uint64_t>(group + i), words[i]);
    }
    const Range part{Max(units.begin, group * 4), Min(units.end, (group + kAtOnce) * 4)};
    for (Index u = part.begin; u < part.end; ++u) {
      const Index at = u - group * 4;
      factors[u - units.begin] = words[at / 4][at % 4] < threshold ? masked : open;
    }
  }
}

// What the previous value of a state weighs in the next one, zoneout's z: drawn, or its
// expectation.
template <typename A>
void ZoneoutRow(const RnnOptions& o, Stream stream, Index step, Index width, A* z) {
  const double rate = stream == Stream::kZoneout ? o.zoneout : o.cell_zoneout;
  if (o.training) {
    const Philox philox(o.seed, stream);
    RandomRow(philox, PhiloxThreshold(rate), step, width, {0, width}, A(1), A(0), z);
  } else {
    for (Index u = 0; u < width; ++u) z[u] = A(rate);
  }
}

inline bool DropsSteps(const RnnOptions& o) { return o.training && o.recurrent_dropout > 0; }

// The factors of some columns of the recurrent operand in a step.
template <typename A>
void StepDropoutRow(const RnnOptions& o, Index step, Index width, Range columns, A* factors) {
  const Philox philox(o.seed, Stream::kRecurrentDropout);
  RandomRow(philox, PhiloxThreshold(o.recurrent_dropout), step, width, columns, A(0),
            A(1 / (1 - o.recurrent_dropout)), factors);
}

}  // namespace tfrnn::cpu::TFRNN_ISA
