// Options alone, and so many together that every two of them meet.
#pragma once

#include "tests/emulator/general_test.h"

namespace tfrnn::cuda {

// One option at a time, at awkward sizes.
inline std::vector<GeneralCase> SingleCases() {
  std::vector<GeneralCase> cases;
  const auto add = [&](const char* name) -> GeneralCase& {
    cases.emplace_back().name = name;
    return cases.back();
  };
  add("plain").time_major = true;
  add("no_bias").bias = false;
  add("vectors").vectors = true;
  add("cell_states").cell_states = true;
  for (const bool zeros : {false, true}) {
    GeneralCase& c = add(zeros ? "masked_zeros" : "masked");
    c.time = 7, c.mask = c.cell_states = true, c.options.zero_output_for_mask = zeros;
  }
  add("input_dropout").input_dropout = true;
  add("recurrent_dropout").recurrent_dropout = true;
  {
    GeneralCase& c = add("shared_dropout");
    c.recurrent_dropout = c.shared_dropout = true;
  }
  {
    GeneralCase& c = add("step_dropout");
    c.options.training = true, c.options.recurrent_dropout = 0.4;
  }
  {
    GeneralCase& c = add("zoneout");
    c.options.training = true, c.options.zoneout = 0.3, c.options.cell_zoneout = 0.2;
  }
  {
    GeneralCase& c = add("zoneout_at_inference");
    c.options.zoneout = 0.3, c.options.cell_zoneout = 0.2, c.options.recurrent_dropout = 0.5;
  }
  add("state_dropout").state_dropout = true;
  {
    GeneralCase& c = add("state_dropout_masked");
    c.time = 7, c.mask = c.state_dropout = c.recurrent_dropout = true, c.projection = 3;
    c.options.training = true, c.options.zoneout = 0.3, c.options.recurrent_dropout = 0.4;
  }
  add("indices").indices = true;
  {
    GeneralCase& c = add("indices_and_norm");
    c.indices = c.mask = c.options.layer_norm = true, c.options.go_backwards = true;
  }
  {
    GeneralCase& c = add("few_indices");  // lists are long
    c.time = 9, c.batch = 7, c.input = 2, c.units = 70, c.indices = true;
  }
  add("layer_norm").options.layer_norm = true;
  {
    GeneralCase& c = add("layer_norm_carry");
    c.options.layer_norm = c.options.layer_norm_carry = true;
  }
  add("cell_clip").options.cell_clip = 0.6;
  add("projection").projection = 3;
  {
    GeneralCase& c = add("projection_wider_than_units");
    c.projection = 7, c.options.projection_clip = 0.5;
  }
  {
    GeneralCase& c = add("one_unit_one_row_norm");
    c.batch = c.units = c.input = 1, c.options.layer_norm = true;
  }
  {
    GeneralCase& c = add("rows_beyond_a_block");
    c.time = 2, c.batch = 3, c.units = 271, c.options.layer_norm = true;
  }
  for (const bool norm : {false, true}) {
    GeneralCase& c = add(norm ? "no_step_norm" : "no_step");
    c.time = 0, c.options.layer_norm = norm, c.vectors = true, c.projection = 2;
    GeneralCase& d = add(norm ? "no_rows_norm" : "no_rows");
    d.batch = 0, d.options.layer_norm = norm, d.vectors = true;
  }
  return cases;
}

// Every activation, in both places.
inline std::vector<GeneralCase> ActivationCases() {
  std::vector<GeneralCase> cases;
  constexpr int kCount = static_cast<int>(Activation::kGelu) + 1;
  for (int i = 0; i < kCount; ++i) {
    GeneralCase& c = cases.emplace_back();
    c.name = "activation_" + std::to_string(i);
    c.options.activation = static_cast<Activation>(i);
    c.options.recurrent_activation = static_cast<Activation>((i + 5) % kCount);
  }
  return cases;
}

// Options drawn at random. `smooth`: none whose gradient jumps, where 16 bits may end up on the
// other side.
inline std::vector<GeneralCase> MixedCases(int count, bool smooth) {
  constexpr Activation kSmooth[] = {Activation::kTanh, Activation::kSigmoid, Activation::kSoftsign,
                                    Activation::kSilu, Activation::kGelu};
  constexpr Activation kAny[] = {Activation::kTanh,    Activation::kHardSigmoid, Activation::kElu,
                                 Activation::kSigmoid, Activation::kSoftplus,    Activation::kRelu};
  std::vector<GeneralCase> cases;
  for (int i = 0; i < count; ++i) {
    std::mt19937 random(static_cast<unsigned>(100 * smooth + i));
    const auto coin = [&] { return random() % 2 == 0; };
    const auto pick = [&](auto... values) {
      const std::int64_t all[] = {values...};
      return all[random() % sizeof...(values)];
    };
    GeneralCase& c = cases.emplace_back();
    RnnOptions& o = c.options;
    c.name = (smooth ? "smooth_" : "mixed_") + std::to_string(i);
    c.time = pick(1, 2, 5), c.batch = pick(1, 3, 5), c.input = pick(1, 2, 7);
    c.units = pick(1, 4, 13, 33), c.projection = pick(0, 0, 1, 6, 35);
    c.time_major = coin(), c.mask = coin(), c.both = coin(), c.bias = coin(), c.vectors = coin();
    c.cell_states = coin(), c.input_dropout = coin(), c.recurrent_dropout = coin();
    c.shared_dropout = coin(), c.state_dropout = coin(), c.indices = i % 3 == 0;
    o.go_backwards = coin(), o.zero_output_for_mask = coin(), o.layer_norm = coin();
    o.layer_norm_carry = o.layer_norm && coin(), o.training = coin();
    o.recurrent_dropout = coin() ? 0.25 : 0, o.zoneout = coin() ? 0.3 : 0;
    o.cell_zoneout = coin() ? 0.2 : 0, o.seed[0] = random(), o.seed[1] = random();
    if (smooth) {
      o.activation = kSmooth[random() % 5], o.recurrent_activation = kSmooth[random() % 2];
    } else {
      o.activation = kAny[random() % 6], o.recurrent_activation = kAny[random() % 5];
      o.cell_clip = coin() ? 0.7 : 0, o.projection_clip = coin() ? 0.6 : 0;
    }
  }
  return cases;
}

class GeneralTest : public testing::TestWithParam<GeneralCase> {};
class SmoothTest : public testing::TestWithParam<GeneralCase> {};

inline std::string NameOfGeneral(const testing::TestParamInfo<GeneralCase>& info) {
  return info.param.name;
}

}  // namespace tfrnn::cuda
