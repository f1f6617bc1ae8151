// Both directions of a layer side by side: the same bits as one after the other, with outputs in
// one tensor, in the order of the first direction.
#include "csrc/cpu/directions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "tests/cpp/launch.h"
#include "tests/cpp/naive.h"

namespace tfrnn {
namespace {

template <typename T>
using Pair = std::array<Problem<T>, 2>;

// Row (t, b) of outputs or their gradients, for a direction of a pair or for it alone.
template <typename T>
T* RowOf(std::vector<T>& rows, const RnnShape& shape, bool reversed, std::int64_t t, std::int64_t b,
         int d) {
  const std::int64_t time = reversed ? shape.time - 1 - t : t;
  const std::int64_t row = shape.time_major ? time * shape.batch + b : b * shape.time + time;
  return rows.data() + row * shape.OutputStride() + d * shape.units;
}

// Runs all passes of both directions at once.
template <typename T>
std::array<Results<T>, 2> RunPair(const cpu::Kernels<T>& kernels, Pair<T> pair,
                                  const cpu::Pool& pool) {
  const RnnShape alone = pair[0].shape;
  std::array<Results<T>, 2> results{Results<T>(pair[0]), Results<T>(pair[1])};
  std::vector<T> outputs(2 * results[0].outputs.size()), doutputs(outputs.size());
  for (int d = 0; d < 2; ++d) {
    pair[d].shape.output_stride = 2 * alone.units;
    pair[d].options.reverse_outputs = d == 1;
  }
  const RnnShape shape = pair[0].shape;
  const auto copy = [&](int d, std::vector<T>& one, std::vector<T>& both, bool apart) {
    for (std::int64_t t = 0; t < shape.time; ++t) {
      for (std::int64_t b = 0; b < shape.batch; ++b) {
        T* const single = RowOf(one, alone, false, t, b, 0);
        T* const shared = RowOf(both, shape, d == 1, t, b, d);
        std::copy_n(apart ? shared : single, shape.units, apart ? single : shared);
      }
    }
  };
  const auto launch = [&](auto* args, auto workspace, auto run) {
    const std::size_t stride = cpu::WorkspaceStride(args[0], 2, pool, workspace);
    const Memory memory(2 * stride);
    cpu::RunDirections(args, 2, pool, memory.data.get(), stride, run);
  };
  const Memory reserves[2] = {Memory(kernels.reserve_bytes(shape, pair[0].options)),
                              Memory(kernels.reserve_bytes(shape, pair[1].options))};
  ForwardArgs<T> forward[2];
  BackwardArgs<T> backward[2];
  InputGradientArgs<T> input[2];
  WeightGradientArgs<T> weights[2];
  for (int d = 0; d < 2; ++d) {
    copy(d, pair[d].doutputs, doutputs, false);
    void* const reserve = reserves[d].data.get();
    forward[d] = pair[d].Forward(&results[d]), backward[d] = pair[d].Backward(&results[d]);
    input[d] = pair[d].InputGradient(&results[d]);
    weights[d] = pair[d].WeightGradient(&results[d]);
    forward[d].reserve_space = reserve;
    backward[d].reserve_space = backward[d].dgates = reserve;
    input[d].dgates = weights[d].dgates = reserve;
    forward[d].outputs = outputs.data() + d * shape.units;
    backward[d].outputs = weights[d].outputs = forward[d].outputs;
    backward[d].doutputs = doutputs.data() + d * shape.units;
  }
  launch(forward, kernels.forward_workspace, kernels.forward);
  launch(backward, kernels.backward_workspace, kernels.backward);
  launch(input, kernels.input_gradient_workspace, kernels.input_gradient);
  launch(weights, kernels.weight_gradient_workspace, kernels.weight_gradient);
  for (int d = 0; d < 2; ++d) copy(d, results[d].outputs, outputs, true);
  return results;
}

// A direction by itself.
template <typename T>
Results<T> RunAlone(const cpu::Kernels<T>& kernels, const Problem<T>& p) {
  Results<T> r(p);
  const Memory reserve(kernels.reserve_bytes(p.shape, p.options));
  ForwardArgs<T> f = p.Forward(&r);
  f.reserve_space = reserve.data.get();
  Launch(f, cpu::Pool(), kernels.forward_workspace, kernels.forward);
  BackwardArgs<T> b = p.Backward(&r);
  b.reserve_space = b.dgates = reserve.data.get();
  Launch(b, cpu::Pool(), kernels.backward_workspace, kernels.backward);
  InputGradientArgs<T> x = p.InputGradient(&r);
  x.dgates = b.dgates;
  Launch(x, cpu::Pool(), kernels.input_gradient_workspace, kernels.input_gradient);
  WeightGradientArgs<T> w = p.WeightGradient(&r);
  w.dgates = b.dgates;
  Launch(w, cpu::Pool(), kernels.weight_gradient_workspace, kernels.weight_gradient);
  return r;
}

template <template <typename> class Cell, typename T>
void CheckPairs(const cpu::Kernels<T>& kernels) {
  const std::int64_t sizes[][4] = {{5, 3, 7, 2}, {4, 8, 16, 33}, {7, 13, 5, 70}, {1, 1, 1, 1},
                                   {0, 3, 4, 5}, {3, 0, 4, 5},   {90, 1, 3, 65}, {2, 40, 3, 17}};
  for (const auto& [time, batch, input, units] : sizes) {
    for (int option = 0; option < 16; ++option) {
      Pair<T> pair;
      for (int d = 0; d < 2; ++d) {
        Problem<double> p = MakeProblem<Cell>(time, batch, input, units);
        p.shape.time_major = option & 1;
        p.options.zero_output_for_mask = option & 2;
        p.options.general = option & 4;
        p.options.go_backwards = d == 1;
        if (option < 8) p.mask.reset(), p.input_dropout.reset(), p.recurrent_dropout.reset();
        if (d == 1) {  // other weights than the first has
          for (double& v : p.kernel) v = -v;
          for (double& v : p.recurrent_kernel) v *= 0.5;
        }
        pair[d] = p.template Rounded<T>();
      }
      const Results<T> want[2] = {RunAlone(kernels, pair[0]), RunAlone(kernels, pair[1])};
      for (const int threads : {1, 2, 3, 4}) {
        const auto got =
            RunPair(kernels, pair, threads == 1 ? cpu::Pool() : Threads(threads, true));
        for (int d = 0; d < 2; ++d) {
          for (std::size_t i = 0; i < want[d].All().size(); ++i) {
            EXPECT_TRUE(Bits(*got[d].All()[i]) == Bits(*want[d].All()[i]))
                << "T,B,C,U=" << time << "," << batch << "," << input << "," << units << " option "
                << option << " direction " << d << " result " << i << " with " << threads;
          }
        }
      }
    }
  }
}

template <template <typename> class Cell>
void CheckAll() {
  CheckPairs<Cell>(cpu::baseline::Table<Cell, double>());
#if defined(__x86_64__)
  if (cpu::ActiveIsa() >= cpu::Isa::kAvx2) CheckPairs<Cell>(cpu::avx2::Table<Cell, float>());
  if (cpu::ActiveIsa() >= cpu::Isa::kAvx512) {
    CheckPairs<Cell>(cpu::avx512::Table<Cell, float>());
    CheckPairs<Cell>(cpu::avx512::Table<Cell, BFloat16>());
  }
#endif
}

TEST(Directions, Lstm) { CheckAll<Lstm>(); }
TEST(Directions, Gru) { CheckAll<Gru>(); }
TEST(Directions, GruResetBefore) { CheckAll<GruResetBefore>(); }
TEST(Directions, SimpleRnn) { CheckAll<SimpleRnn>(); }

}  // namespace
}  // namespace tfrnn
