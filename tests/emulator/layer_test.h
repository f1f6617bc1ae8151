// Runs a layer's kernels on the emulator and compares everything they compute with float64.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "cuda/launch.h"
#include "tests/cpp/naive.h"
#include "tests/emulator/device_memory.h"
#include "tests/emulator/tolerance.h"
#if !defined(TFRNN_NATIVE)
#include "tests/emulator/emulator.h"
#include "tests/emulator/plain_gemm.h"
#endif

namespace tfrnn::cuda {

// A plan and a problem for it. The schedule's seeds are the test's.
struct Case {
  std::string name;
  Plan plan;
  int time, batch, units;
  bool masked = false, dropout = false, backwards = false, both = false, time_major = false;
  bool zero_output = false, bias = true;
  bool ended = false;  // masked from the third step on at the latest; the second slice from the
                       // fifth, the third from the first
  bool exact = true;
};
inline std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

constexpr int kInput = 3;

// Memory of exactly so many bytes that nobody may read before writing it.
struct Poisoned : DeviceBytes {
  explicit Poisoned(std::size_t bytes) : DeviceBytes(bytes) { Poison(); }
};

// Another schedule with every seed; a GPU has its own.
inline void UseSchedule([[maybe_unused]] std::uint64_t seed) {
#if !defined(TFRNN_NATIVE)
  emulator::seed = seed;
#endif
}

// Products by plain loops on the CPU where they can reach the memory: quicker than emulating
// gemm.cuh, which has its own test.
inline Blas TestBlas() {
  Blas blas;
#if !defined(TFRNN_NATIVE)
  blas.gemm = RunPlainGemm;
#endif
  return blas;
}

template <typename T>
Problem<double> RoundedTo(const Problem<double>& p) {
  return p.Rounded<T>().template Rounded<double>();
}

// The problem of one direction.
template <template <typename> class Cell>
Problem<double> ProblemOf(const Case& c, bool second) {
  Problem<double> p = MakeProblem<Cell>(c.time, c.batch, kInput + second, c.units);
  p.shape.time_major = c.time_major;
  p.options.go_backwards = c.backwards != second;
  p.options.zero_output_for_mask = c.zero_output;
  p.input_dropout.reset();
  if (!c.masked && !c.ended) p.mask.reset();
  for (int b = 0; c.ended && b < c.batch; ++b) {
    const int slice = b / c.plan.tile_rows;
    const int steps = slice == 0 ? b % 3 : slice == 1 ? 3 + b % 2 : 0;
    for (int t = steps; t < c.time; ++t) (*p.mask)[p.InputRow(t, b)] = 0;
  }
  if (!c.bias) p.bias.reset();
  if (!c.dropout) {
    p.recurrent_dropout.reset();
  } else {  // one mask for all gates
    p.options.shared_dropout = true;
    const std::size_t one = static_cast<std::size_t>(c.batch) * c.units;
    for (std::size_t i = one; i < p.recurrent_dropout->size(); ++i) {
      (*p.recurrent_dropout)[i] = (*p.recurrent_dropout)[i - one];
    }
  }
  return p;
}

template <typename T>
void Poison(Results<T>* r) {
  for (const Array<T>* array : r->All()) {
    if (array->empty()) continue;
    std::memset(const_cast<T*>(array->data()), 0xff, array->size() * sizeof(T));
  }
}

// Everything a training step computes, and the outputs of inference.
template <typename T>
struct LayerRun {
  std::vector<Results<T>> training, inference;
  Error error;
};

template <template <typename> class Cell, typename T>
LayerRun<T> RunLayer(const Case& c, const std::vector<Problem<T>>& problems, CallOptions options) {
  using L = Layer<Cell, T>;
  LayerRun<T> run;
  const int count = static_cast<int>(problems.size());
  const RnnShape& s = problems[0].shape;
  std::vector<std::unique_ptr<Poisoned>> reserves;
  std::vector<ForwardArgs<T>> train, infer;
  std::vector<BackwardArgs<T>> back;
  for (const Problem<T>& p : problems) {
    run.training.emplace_back(p), run.inference.emplace_back(p);
  }
  Mirror mirror;
  for (int d = 0; d < count; ++d) {
    for (Results<T>* results : {&run.training[d], &run.inference[d]}) {
      Poison(results);
      for (const Array<T>* array : results->All()) mirror.Add(*array);
    }
    const Problem<T>& p = problems[d];
    for (const Array<T>* array : {&p.x, &p.kernel, &p.recurrent_kernel, &p.doutputs, &p.initial[0],
                                  &p.initial[1], &p.dfinal[0], &p.dfinal[1]}) {
      mirror.Add(*array);
    }
    if (p.bias) mirror.Add(*p.bias);
    if (p.mask) mirror.Add(*p.mask);
    if (p.recurrent_dropout) mirror.Add(*p.recurrent_dropout);
    reserves.push_back(std::make_unique<Poisoned>(L::ReserveBytes(s, problems[d].options)));
    train.push_back(p.Forward(&run.training[d]));
    train[d].reserve_space = reserves[d]->get();
    infer.push_back(p.Forward(&run.inference[d]));
    back.push_back(p.Backward(&run.training[d]));
    back[d].dgates = reserves[d]->get();
    mirror.Translate(&train[d]), mirror.Translate(&infer[d]), mirror.Translate(&back[d]);
  }
  // Training finds it as inference has left it.
  const Poisoned forward(std::max(L::ForwardWorkspace(train.data(), count, c.plan),
                                  L::ForwardWorkspace(infer.data(), count, c.plan)));
  const Poisoned backward(L::BackwardWorkspace(back.data(), count, c.plan));
  train[0].workspace = forward.get(), infer[0].workspace = forward.get();
  back[0].workspace = backward.get();
  const auto attempt = [&](const Error& error) {
    if (run.error.empty()) run.error = error;
    return run.error.empty();
  };
  if (!attempt(L::Forward(infer.data(), count, options, c.plan, nullptr)) ||
      !attempt(L::Forward(train.data(), count, options, c.plan, nullptr)) ||
      !attempt(L::Backward(back.data(), count, options, c.plan, nullptr))) {
    return run;
  }
  for (int d = 0; d < count; ++d) {
    InputGradientArgs<T> input = problems[d].InputGradient(&run.training[d]);
    input.dgates = reserves[d]->get();
    WeightGradientArgs<T> weights = problems[d].WeightGradient(&run.training[d]);
    const Poisoned workspace(L::WeightGradientWorkspace(weights));
    weights.dgates = reserves[d]->get(), weights.workspace = workspace.get();
    mirror.Translate(&input), mirror.Translate(&weights);
    attempt(L::InputGradient(input, options, nullptr));
    attempt(L::WeightGradient(weights, options, nullptr));
    for (Results<T>* results : {&run.training[d], &run.inference[d]}) {
      for (const Array<T>* array : results->All()) mirror.Fetch(const_cast<Array<T>*>(array));
    }
  }
  return run;
}

// Operations of warps on the emulator that the kernels of a step of training take.
#if !defined(TFRNN_NATIVE)
template <template <typename> class Cell, typename T>
std::uint64_t WarpOperations(const Case& c) {
  CallOptions options;
  options.blas = TestBlas();
  std::vector<Problem<T>> problems;
  for (int d = 0; d < (c.both ? 2 : 1); ++d) {
    problems.push_back(ProblemOf<Cell>(c, d == 1).template Rounded<T>());
  }
  const std::uint64_t before = emulator::warp_operations;
  EXPECT_EQ((RunLayer<Cell, T>(c, problems, options).error), "");
  return emulator::warp_operations - before;
}
#endif

inline void ExpectClose(const char* what, const Array<double>& want, const std::vector<double>& got,
                        double tolerance) {
  double largest = 1, worst = 0;
  for (double w : want) largest = std::max(largest, std::abs(w));
  ASSERT_EQ(want.size(), got.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double error = std::abs(want[i] - got[i]);
    if (!(error <= worst)) worst = error;  // NaN is the worst
  }
  EXPECT_LE(worst / largest, tolerance) << what;
}

template <typename T>
std::vector<double> Doubles(const Array<T>& array) {
  std::vector<double> values(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) values[i] = Load(array[i]);
  return values;
}

template <template <typename> class Cell, typename T>
void CheckLayer(const Case& c) {
  static const char* const kNames[] = {"outputs", "final h",           "final c",
                                       "dx",      "dinitial h",        "dinitial c",
                                       "dkernel", "drecurrent_kernel", "dbias"};
  std::vector<Problem<T>> problems;
  std::vector<Results<double>> want;
  for (int d = 0; d < (c.both ? 2 : 1); ++d) {
    const Problem<double> p = ProblemOf<Cell>(c, d == 1);
    problems.push_back(p.Rounded<T>());
    want.push_back(RunNaive<Cell>(RoundedTo<T>(p)));
  }
  CallOptions options;
  options.exact = c.exact;
  options.blas = TestBlas();
  const double tolerance = Tolerance<T>(c.exact);
  std::vector<std::string> first;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    UseSchedule(seed);
    const LayerRun<T> run = RunLayer<Cell, T>(c, problems, options);
    ASSERT_EQ(run.error, "") << "seed " << seed;
    std::vector<std::string> bits;
    for (std::size_t d = 0; d < problems.size(); ++d) {
      const auto got = run.training[d].All();
      const auto expected = want[d].All();
      for (std::size_t i = 0; i < got.size(); ++i) {
        ExpectClose(kNames[i], *expected[i], Doubles(*got[i]), tolerance);
        bits.push_back(Bits(*got[i]));
      }
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Bits(*run.inference[d].All()[i]), bits[bits.size() - got.size() + i])
            << kNames[i] << " of inference";
      }
    }
    if (seed == 0) first = bits;
    EXPECT_TRUE(bits == first) << "schedule " << seed << " gives other bits";
    if (testing::Test::HasFailure()) return;
  }
#if !defined(TFRNN_NATIVE)
  if (c.ended) {
    Case full = c;
    full.ended = false;
    EXPECT_LT((WarpOperations<Cell, T>(c)), 0.8 * (WarpOperations<Cell, T>(full)));
  }
#endif
}

}  // namespace tfrnn::cuda
