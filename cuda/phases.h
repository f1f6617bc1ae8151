// Which gates of a cell one product can serve.
#pragma once

#include "csrc/cells/cell.h"

namespace tfrnn::cuda {

// The gates of a phase lie together.
template <typename Cell>
TFRNN_CELL constexpr int FirstGate(int phase) {
  int gate = 0;
  while (Cell::Phase(gate) != phase) ++gate;
  return gate;
}
template <typename Cell>
TFRNN_CELL constexpr int GateCount(int phase) {
  int count = 0;
  for (int gate = 0; gate < Cell::kGates; ++gate) count += Cell::Phase(gate) == phase;
  return count;
}

// Gates whose sums lie side by side, so that one product serves them all.
struct GateRun {
  int gate = 0, sum = 0, count = 0, phase = 0;
};
// The run that begins with a gate, of at most so many.
template <typename Cell>
GateRun NextRun(int gate, bool recurrent, int most = Cell::kGates) {
  const auto sum = [&](int g) { return recurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g); };
  GateRun run{gate, sum(gate), 1, Cell::Phase(gate)};
  while (run.count < most && gate + run.count < Cell::kGates &&
         sum(gate + run.count) == run.sum + run.count &&
         (!recurrent || Cell::Phase(gate + run.count) == run.phase)) {
    ++run.count;
  }
  return run;
}

}  // namespace tfrnn::cuda
