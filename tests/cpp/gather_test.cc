// Numbers of rows in place of x give the bits of the one-hot rows that they stand for: in the plain
// loops and the general ones, for kernels of fewer rows than there are steps and of more, and for
// any number of threads.
#include <gtest/gtest.h>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "tests/cpp/launch.h"
#include "tests/cpp/naive.h"

namespace tfrnn {
namespace {

// Everything but dx.
template <typename T>
Results<T> Run(const cpu::Kernels<T>& kernels, const Problem<T>& p, const cpu::Pool& pool) {
  Results<T> r(p);
  const Memory reserve(kernels.reserve_bytes(p.shape, p.options));
  ForwardArgs<T> f = p.Forward(&r);
  f.reserve_space = reserve.data.get();
  Launch(f, pool, kernels.forward_workspace, kernels.forward);
  const Results<T> kept = r;
  f.reserve_space = nullptr;
  Launch(f, pool, kernels.forward_workspace, kernels.forward);
  EXPECT_EQ(Bits(kept.outputs), Bits(r.outputs));
  BackwardArgs<T> b = p.Backward(&r);
  b.reserve_space = b.dgates = reserve.data.get();
  Launch(b, pool, kernels.backward_workspace, kernels.backward);
  WeightGradientArgs<T> w = p.WeightGradient(&r);
  w.dgates = b.dgates;
  Launch(w, pool, kernels.weight_gradient_workspace, kernels.weight_gradient);
  return r;
}

template <template <typename> class Cell, typename T>
void Check(const cpu::Kernels<T>& kernels) {
  struct Size {
    int time, batch, input, units;
  };
  const Size sizes[] = {{1, 1, 1, 1}, {5, 3, 7, 2},  {4, 8, 50, 33}, {7, 13, 5, 70},
                        {0, 3, 4, 5}, {90, 7, 3, 9}, {3, 2, 0, 5},   {1, 3, 20, 64}};
  for (const Size& size : sizes) {
    for (int option = 0; option < 16; ++option) {
      Problem<double> exact = MakeProblem<Cell>(size.time, size.batch, size.input, size.units);
      exact.shape.time_major = option & 1;
      exact.options.go_backwards = option & 2;
      exact.options.general = option & 8;
      exact.input_dropout.reset();
      if ((option & 12) != 12) exact.recurrent_dropout.reset();  // else in the general loops
      if (option & 4) exact.mask.reset();
      if (option == 1) exact.bias.reset();
      std::fill(exact.x.begin(), exact.x.end(), 0);
      Array<std::int32_t> indices;
      for (int row = 0; row < size.time * size.batch; ++row) {
        indices.push_back(row * 7 % (size.input + 2) - 1);  // -1 and `input` are out of range
        if (indices.back() < 0 || indices.back() >= size.input) continue;
        exact.x[row * size.input + indices.back()] = 1;
      }
      Problem<T> p = exact.template Rounded<T>();
      const Results<T> want = Run(kernels, p, cpu::Pool());
      p.indices = indices;
      for (const int threads : {1, 2, 5}) {
        const Results<T> got = Run(kernels, p, threads == 1 ? cpu::Pool() : Threads(threads, true));
        for (std::size_t i = 0; i < got.All().size(); ++i) {
          if (got.All()[i] == &got.dx) continue;
          EXPECT_TRUE(Bits(*got.All()[i]) == Bits(*want.All()[i]))
              << "T,B,C,U=" << size.time << "," << size.batch << "," << size.input << ","
              << size.units << " option " << option << " result " << i << " threads " << threads;
        }
      }
    }
  }
}

template <template <typename> class Cell>
void CheckAll() {
  Check<Cell>(cpu::baseline::Table<Cell, double>());
#if defined(__x86_64__)
  if (cpu::ActiveIsa() >= cpu::Isa::kAvx2) Check<Cell>(cpu::avx2::Table<Cell, float>());
  if (cpu::ActiveIsa() >= cpu::Isa::kAvx512) {
    Check<Cell>(cpu::avx512::Table<Cell, float>());
    Check<Cell>(cpu::avx512::Table<Cell, BFloat16>());
  }
#endif
}

TEST(Gather, Lstm) { CheckAll<Lstm>(); }
TEST(Gather, Gru) { CheckAll<Gru>(); }
TEST(Gather, GruResetBefore) { CheckAll<GruResetBefore>(); }
TEST(Gather, SimpleRnn) { CheckAll<SimpleRnn>(); }

}  // namespace
}  // namespace tfrnn
