// Runs a layer segment by segment and compares it with the same layer run as a whole.
#pragma once

#include "csrc/core/segments.h"
#include "tests/emulator/cases.h"
#include "tests/emulator/general_cases.h"

namespace tfrnn::cuda {

// Plain layers under every policy, and what the general kernels carry.
inline std::vector<GeneralCase> SegmentCases() {
  std::vector<GeneralCase> cases;
  for (const bool noise : {false, true}) {
    GeneralCase& c = cases.emplace_back();
    c.name = noise ? "noise" : "plain";
    c.time = 7, c.batch = 5, c.units = 29, c.time_major = c.mask = true;
    c.options.go_backwards = !noise;
    if (!noise) continue;
    c.options.training = true, c.options.seed[0] = 3;
    c.options.zoneout = 0.3, c.options.cell_zoneout = 0.2, c.options.recurrent_dropout = 0.4;
  }
  return cases;
}
inline std::vector<GeneralCase> GeneralSegmentCases() {
  std::vector<GeneralCase> cases;
  for (GeneralCase c : SegmentCases()) {
    c.cell_states = c.state_dropout = c.vectors = c.indices = true;
    c.options.layer_norm = true, c.projection = 3;
    cases.push_back(c);
    c.name += "_without_norm";
    c.options.layer_norm = c.indices = c.options.zero_output_for_mask = false, c.projection = 0;
    cases.push_back(c);
  }
  return cases;
}

// The results of a time-major problem, so many steps at a time.
template <template <typename> class Cell, typename T>
GeneralResults<T> RunSegments(const GeneralProblem<T>& p, const CallOptions& options,
                              const Plan& plan, std::int64_t steps, Error* error) {
  using L = Layer<Cell, T>;
  GeneralResults<T> results(p), again(p);
  Mirror mirror;
  for (GeneralResults<T>* of : {&results, &again}) {
    for (const auto* array : of->All()) {
      if (array->empty()) continue;
      std::memset(const_cast<T*>(array->data()), 0xff, array->size() * sizeof(T));
      mirror.Add(*array);
    }
  }
  for (const auto* array : p.All()) mirror.Add(*array);
  mirror.Add(p.mask), mirror.Add(p.indices);

  const Segments<T> segments(p.shape, steps, 0,
                             static_cast<std::int64_t>(L::CarryBytes(p.shape, p.options)));
  const RnnShape longest = segments.Shape(0);
  const Poisoned kept(segments.bytes()), reserve(L::ReserveBytes(longest, p.options));
  auto* const states = static_cast<std::uint8_t*>(kept.get());
  ForwardArgs<T> forward = ForwardOf(p, &results), once_more = ForwardOf(p, &again);
  BackwardArgs<T> backward = BackwardOf(p, &results);
  InputGradientArgs<T> input = InputGradientOf(p, &results);
  WeightGradientArgs<T> weights = WeightGradientOf(p, &results);
  once_more.reserve_space = reserve.get();
  backward.reserve_space = backward.dgates = reserve.get();
  input.dgates = weights.dgates = reserve.get();
  mirror.Translate(&forward), mirror.Translate(&once_more), mirror.Translate(&backward);
  mirror.Translate(&input), mirror.Translate(&weights);
  const ForwardArgs<T> whole = forward;
  T* const dx = input.dx;
  forward.shape = once_more.shape = backward.shape = input.shape = weights.shape = longest;
  const Poisoned of_forward(L::ForwardWorkspace(&forward, 1, plan));
  const Poisoned of_once_more(L::ForwardWorkspace(&once_more, 1, plan));
  const Poisoned of_backward(L::BackwardWorkspace(&backward, 1, plan));
  const Poisoned of_input(L::InputGradientWorkspace(input));
  const Poisoned of_weights(L::WeightGradientWorkspace(weights));
  forward.workspace = of_forward.get(), once_more.workspace = of_once_more.get();
  backward.workspace = of_backward.get(), input.workspace = of_input.get();
  weights.workspace = of_weights.get();

  const auto attempt = [&](const Error& found) {
    if (error->empty()) *error = found;
  };
  const auto place = [&](const RnnShape& part, ForwardArgs<T>* a) {
    a->shape = part;
    const std::int64_t first =
        p.options.go_backwards ? part.total - part.first - part.time : part.first;
    if (a->x != nullptr) a->x = whole.x + first * part.batch * part.input;
    if (a->indices != nullptr) a->indices = whole.indices + first * part.batch;
    if (a->mask != nullptr) a->mask = whole.mask + first * part.batch;
    if (a->state_dropout != nullptr) {
      a->state_dropout = whole.state_dropout + part.first * part.batch * part.Hidden();
    }
    return first;
  };
  for (std::int64_t i = 0; i < segments.count(); ++i) {
    place(segments.Shape(i), &forward);
    forward.carry_in = i > 0 ? segments.Carry(states, i) : nullptr;
    forward.carry_out = i + 1 < segments.count() ? segments.Carry(states, i + 1) : nullptr;
    attempt(L::Forward(&forward, 1, options, plan, nullptr));
  }
  for (std::int64_t i = segments.count() - 1; i >= 0; --i) {
    const std::int64_t first = place(segments.Shape(i), &once_more);
    once_more.carry_in = i > 0 ? segments.Carry(states, i) : nullptr;
    backward.shape = input.shape = weights.shape = once_more.shape;
    once_more.shape.local_outputs = true;
    backward.mask = input.mask = weights.mask = once_more.mask;
    backward.state_dropout = weights.state_dropout = once_more.state_dropout;
    weights.x = once_more.x, weights.indices = once_more.indices;
    backward.continues = weights.continues = i + 1 < segments.count();
    attempt(L::Forward(&once_more, 1, options, plan, nullptr));
    attempt(L::Backward(&backward, 1, options, plan, nullptr));
    if (p.indices.empty()) {
      input.dx = dx + first * input.shape.batch * input.shape.input;
      attempt(L::InputGradient(input, options, nullptr));
    }
    attempt(L::WeightGradient(weights, options, nullptr));
  }
  for (const auto* array : results.All()) mirror.Fetch(const_cast<std::vector<T>*>(array));
  return results;
}

template <template <typename> class Cell, typename T>
void CheckSegments(const GeneralCase& c, bool general, const Plan& plan = Plan()) {
  GeneralProblem<T> p = GeneralProblemOf<Cell>(c, false).template Rounded<T>();
  p.options.general = general;
  CallOptions options;
  options.blas = TestBlas();
  const GeneralRun<T> run = RunGeneralLayer<Cell, T>({p}, options, plan);
  ASSERT_EQ(run.error, "");
  const auto want = run.training[0].All();
  for (const std::int64_t steps : {1, 3, 7}) {
    Error error;
    const GeneralResults<T> results = RunSegments<Cell, T>(p, options, plan, steps, &error);
    ASSERT_EQ(error, "");
    const auto got = results.All();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const char* const name = GeneralResults<T>::kNames[i];
      ExpectClose(name, Doubles(*want[i]), Doubles(*got[i]), GeneralTolerance<T>());
      if (i >= GeneralResults<T>::kForward) continue;
      EXPECT_EQ(Bits(*got[i]), Bits(*want[i])) << name << " by " << steps;
    }
  }
}

class SegmentsTest : public testing::TestWithParam<GeneralCase> {};
class GeneralSegmentsTest : public testing::TestWithParam<GeneralCase> {};

}  // namespace tfrnn::cuda
