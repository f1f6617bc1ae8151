// Runs a layer with options on the emulator and compares everything it computes with float64.
#pragma once

#include <functional>

#include "csrc/cells/ind_rnn.h"
#include "tests/emulator/general_reference.h"
#include "tests/emulator/layer_test.h"

namespace tfrnn::cuda {

template <typename T>
struct GeneralRun {
  std::vector<GeneralResults<T>> training, inference;
  Error error;
};

template <template <typename> class Cell, typename T>
GeneralRun<T> RunGeneralLayer(const std::vector<GeneralProblem<T>>& problems,
                              const CallOptions& options, const Plan& plan = Plan()) {
  using L = Layer<Cell, T>;
  GeneralRun<T> run;
  const int count = static_cast<int>(problems.size());
  std::vector<std::unique_ptr<Poisoned>> reserves;
  std::vector<ForwardArgs<T>> train, infer;
  std::vector<BackwardArgs<T>> back;
  for (const GeneralProblem<T>& p : problems) {
    run.training.emplace_back(p), run.inference.emplace_back(p);
  }
  Mirror mirror;
  for (int d = 0; d < count; ++d) {
    const GeneralProblem<T>& p = problems[d];
    for (GeneralResults<T>* results : {&run.training[d], &run.inference[d]}) {
      for (const auto* array : results->All()) {
        if (array->empty()) continue;
        std::memset(const_cast<T*>(array->data()), 0xff, array->size() * sizeof(T));
        mirror.Add(*array);
      }
    }
    for (const auto* array : p.All()) mirror.Add(*array);
    mirror.Add(p.mask), mirror.Add(p.indices);
    reserves.push_back(std::make_unique<Poisoned>(L::ReserveBytes(p.shape, p.options)));
    infer.push_back(ForwardOf(p, &run.inference[d]));
    train.push_back(ForwardOf(p, &run.training[d]));
    train[d].reserve_space = reserves[d]->get();
    back.push_back(BackwardOf(p, &run.training[d]));
    back[d].reserve_space = back[d].dgates = reserves[d]->get();
    mirror.Translate(&train[d]), mirror.Translate(&infer[d]), mirror.Translate(&back[d]);
  }
  const Poisoned inference(L::ForwardWorkspace(infer.data(), count, plan));
  const Poisoned forward(L::ForwardWorkspace(train.data(), count, plan));
  const Poisoned backward(L::BackwardWorkspace(back.data(), count, plan));
  infer[0].workspace = inference.get(), train[0].workspace = forward.get();
  back[0].workspace = backward.get();
  const auto attempt = [&](const std::function<Error()>& call) {
    if (run.error.empty()) run.error = call();
  };
  attempt([&] { return L::Forward(infer.data(), count, options, plan, nullptr); });
  attempt([&] { return L::Forward(train.data(), count, options, plan, nullptr); });
  attempt([&] { return L::Backward(back.data(), count, options, plan, nullptr); });
  for (int d = 0; d < count; ++d) {
    InputGradientArgs<T> input = InputGradientOf(problems[d], &run.training[d]);
    WeightGradientArgs<T> weights = WeightGradientOf(problems[d], &run.training[d]);
    input.dgates = weights.dgates = reserves[d]->get();
    const Poisoned of_input(L::InputGradientWorkspace(input));
    const Poisoned of_weights(L::WeightGradientWorkspace(weights));
    input.workspace = of_input.get(), weights.workspace = of_weights.get();
    mirror.Translate(&input), mirror.Translate(&weights);
    if (problems[d].indices.empty()) {
      attempt([&] { return L::InputGradient(input, options, nullptr); });
    }
    attempt([&] { return L::WeightGradient(weights, options, nullptr); });
    for (GeneralResults<T>* results : {&run.training[d], &run.inference[d]}) {
      for (const auto* array : results->All()) mirror.Fetch(const_cast<std::vector<T>*>(array));
    }
  }
  return run;
}

// By the general kernels, or if the case has nothing that only they can, as a plan says.
template <template <typename> class Cell, typename T>
void CheckGeneralLayer(const GeneralCase& c, bool general = true, const Plan& plan = Plan()) {
  std::vector<GeneralProblem<T>> problems;
  std::vector<GeneralResults<double>> want;
  for (int d = 0; d < (c.both ? 2 : 1); ++d) {
    problems.push_back(GeneralProblemOf<Cell>(c, d == 1).template Rounded<T>());
    problems[d].options.general = general;
    want.push_back(RunGeneralReference<Cell>(problems[d].template Rounded<double>()));
  }
  CallOptions options;
  options.blas = TestBlas();
  std::vector<std::string> first;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    UseSchedule(seed);
    const GeneralRun<T> run = RunGeneralLayer<Cell, T>(problems, options, plan);
    ASSERT_EQ(run.error, "") << "seed " << seed;
    std::vector<std::string> bits;
    for (std::size_t d = 0; d < problems.size(); ++d) {
      const auto got = run.training[d].All(), inferred = run.inference[d].All();
      const auto expected = want[d].All();
      for (std::size_t i = 0; i < got.size(); ++i) {
        const char* const name = GeneralResults<T>::kNames[i];
        ExpectClose(name, *expected[i], Doubles(*got[i]), GeneralTolerance<T>());
        bits.push_back(Bits(*got[i]));
        if (i >= GeneralResults<T>::kForward) continue;
        EXPECT_EQ(Bits(*inferred[i]), bits.back()) << name << " of inference";
      }
    }
    if (seed == 0) first = bits;
    EXPECT_TRUE(bits == first) << "schedule " << seed << " gives other bits";
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace tfrnn::cuda
