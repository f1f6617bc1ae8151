// Options of the plain kernels, under every policy.
#pragma once

#include "tests/emulator/cases.h"
#include "tests/emulator/general_cases.h"

namespace tfrnn::cuda {

inline std::vector<GeneralCase> PlainOptionCases() {
  std::vector<GeneralCase> cases;
  const auto add = [&](const char* name) -> GeneralCase& {
    GeneralCase& c = cases.emplace_back();
    c.name = name, c.time = 4, c.batch = 7, c.units = 21;
    return c;
  };
  add("vectors").vectors = true;
  add("cell_clip").options.cell_clip = 0.6;
  add("input_dropout").input_dropout = true;
  for (const bool zeros : {false, true}) {
    GeneralCase& c = add(zeros ? "cell_states_zeros" : "cell_states");
    c.mask = c.cell_states = true, c.options.zero_output_for_mask = zeros;
  }
  {
    GeneralCase& c = add("activations");
    c.options.activation = Activation::kSoftsign;
    c.options.recurrent_activation = Activation::kHardSigmoid;
  }
  {
    GeneralCase& c = add("together");
    c.vectors = c.cell_states = c.mask = c.both = c.time_major = c.input_dropout = true;
    c.recurrent_dropout = c.shared_dropout = true, c.batch = 13;
    c.options.activation = Activation::kSilu, c.options.cell_clip = 0.8;
    c.options.training = true, c.options.zoneout = 0.3, c.options.cell_zoneout = 0.2;
  }
  {
    GeneralCase& c = add("no_step");
    c.vectors = true, c.time = 0;
    GeneralCase& d = add("no_rows");
    d.vectors = true, d.batch = 0;
  }
  return cases;
}

// Whose gradient does not jump, for 16 bits.
inline bool IsSmooth(const GeneralCase& c) {
  return c.options.cell_clip == 0 && c.options.recurrent_activation == Activation::kSigmoid;
}

inline std::vector<Plan> OptionPlans() {
  return {MakePlan(Policy::kOneBlock, 1, 2, 8, 8), MakePlan(Policy::kCluster, 2, 1, 16, 4),
          MakePlan(Policy::kGrid, 2, 2, 8, 4)};
}

class PlainOptionTest : public testing::TestWithParam<GeneralCase> {};

}  // namespace tfrnn::cuda
