// The engine of every instruction set against loops that know only the cell: all cells, types,
// masks and directions, awkward shapes, and the same bits for any number of threads.
#include <gtest/gtest.h>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "tests/cpp/launch.h"
#include "tests/cpp/naive.h"

namespace tfrnn {
namespace {

template <typename T>
Results<T> RunEngine(const cpu::Kernels<T>& kernels, const Problem<T>& p, const cpu::Pool& pool,
                     bool in_place) {
  Results<T> r(p);
  const Memory reserve(kernels.reserve_bytes(p.shape, p.options));
  const Memory other(kernels.reserve_bytes(p.shape, p.options));
  ForwardArgs<T> f = p.Forward(&r);
  f.reserve_space = reserve.data.get();
  Launch(f, pool, kernels.forward_workspace, kernels.forward);
  const Results<T> kept = r;
  f.reserve_space = nullptr;  // inference gives the same bits
  Launch(f, pool, kernels.forward_workspace, kernels.forward);
  EXPECT_EQ(Bits(kept.outputs), Bits(r.outputs));

  BackwardArgs<T> b = p.Backward(&r);
  b.reserve_space = reserve.data.get();
  b.dgates = in_place ? reserve.data.get() : other.data.get();
  Launch(b, pool, kernels.backward_workspace, kernels.backward);
  InputGradientArgs<T> x = p.InputGradient(&r);
  x.dgates = b.dgates;
  Launch(x, pool, kernels.input_gradient_workspace, kernels.input_gradient);
  WeightGradientArgs<T> w = p.WeightGradient(&r);
  w.dgates = b.dgates;
  Launch(w, pool, kernels.weight_gradient_workspace, kernels.weight_gradient);
  return r;
}

template <typename T>
double Tolerance() {
  return sizeof(T) == 8 ? 1e-12 : sizeof(T) == 4 ? 2e-6 : std::is_same_v<T, Half> ? 4e-3 : 3e-2;
}

template <typename T>
void ExpectClose(const Results<T>& got, const Results<double>& want, const std::string& what) {
  for (std::size_t i = 0; i < got.All().size(); ++i) {
    const auto& g = *got.All()[i];
    const auto& w = *want.All()[i];
    ASSERT_EQ(g.size(), w.size());
    double error = 0, scale = 1;  // values of order one; tiny ones are compared absolutely
    for (std::size_t k = 0; k < g.size(); ++k) {
      ASSERT_FALSE(std::isnan(Load(g[k]))) << what << " result " << i << " at " << k;
      error = std::max(error, std::abs(static_cast<double>(Load(g[k])) - w[k]));
      scale = std::max(scale, std::abs(w[k]));
    }
    EXPECT_LE(error, Tolerance<T>() * scale) << what << " result " << i;
  }
}

template <template <typename> class Cell, typename T>
void CheckEngine(const cpu::Kernels<T>& kernels, const std::string& name) {
  struct Size {
    int time, batch, input, units;
  };
  const Size sizes[] = {{1, 1, 1, 1},  {5, 3, 7, 2},    {4, 8, 16, 33}, {7, 13, 5, 70},
                        {0, 3, 4, 5},  {3, 0, 4, 5},    {3, 2, 0, 5},   {2, 7, 130, 17},
                        {90, 7, 3, 9}, {3, 1, 65, 257}, {1, 3, 20, 64}};
  for (const Size& size : sizes) {
    for (int option = 0; option < 16; ++option) {
      Problem<double> exact = MakeProblem<Cell>(size.time, size.batch, size.input, size.units);
      exact.shape.time_major = option & 1;
      exact.options.go_backwards = option & 2;
      exact.options.zero_output_for_mask = option >= 8;
      if (option < 12 || option == 14) exact.input_dropout.reset();
      if (option < 12 || option == 13) exact.recurrent_dropout.reset();
      if (option == 15) exact.mask.reset();
      if (option < 4) exact.mask.reset();
      if (exact.mask) {  // what a mask hides must not be looked at
        for (std::size_t row = 0; row < exact.mask->size(); ++row) {
          if ((*exact.mask)[row]) continue;
          for (int c = 0; c < size.input; ++c) exact.x[row * size.input + c] = std::nan("");
        }
      }
      if (option == 1) exact.bias.reset();
      const Problem<T> stored = exact.template Rounded<T>();
      const Problem<double> rounded = stored.template Rounded<double>();
      Results<double> want = RunNaive<Cell>(rounded);
      const Results<T> got = RunEngine(kernels, stored, cpu::Pool(), option & 1);
      const std::string what = name + " T,B,C,U=" + std::to_string(size.time) + "," +
                               std::to_string(size.batch) + "," + std::to_string(size.input) + "," +
                               std::to_string(size.units) + " option " + std::to_string(option);
      ExpectClose(got, want, what);
      Problem<T> general = stored;  // the general loops, with no option on
      general.options.general = true;
      ExpectClose(RunEngine(kernels, general, cpu::Pool(), option & 1), want, what + " general");
      for (const int threads : {2, 5}) {
        const bool teams = option % 3 != 0;
        const Results<T> other = RunEngine(kernels, stored, Threads(threads, teams), false);
        for (std::size_t i = 0; i < got.All().size(); ++i) {
          EXPECT_TRUE(Bits(*got.All()[i]) == Bits(*other.All()[i]))
              << what << " result " << i << " with " << threads << " threads";
        }
      }
    }
  }
}

// Every instruction set of this machine, whatever TFRNN_ISA names, with the types it has loops for.
template <template <typename> class Cell>
void CheckAll(const std::string& name) {
  CheckEngine<Cell>(cpu::baseline::Table<Cell, float>(), name + " baseline float");
  CheckEngine<Cell>(cpu::baseline::Table<Cell, double>(), name + " baseline double");
  CheckEngine<Cell>(cpu::baseline::Table<Cell, Half>(), name + " baseline half");
  CheckEngine<Cell>(cpu::baseline::Table<Cell, BFloat16>(), name + " baseline bfloat16");
#if defined(__x86_64__)
  if (cpu::IsaRuns(cpu::Isa::kAvx2)) {
    CheckEngine<Cell>(cpu::avx2::Table<Cell, float>(), name + " avx2 float");
    CheckEngine<Cell>(cpu::avx2::Table<Cell, double>(), name + " avx2 double");
    CheckEngine<Cell>(cpu::avx2::Table<Cell, Half>(), name + " avx2 half");
    CheckEngine<Cell>(cpu::avx2::Table<Cell, BFloat16>(), name + " avx2 bfloat16");
  }
  if (cpu::IsaRuns(cpu::Isa::kAvx512)) {
    CheckEngine<Cell>(cpu::avx512::Table<Cell, float>(), name + " avx512 float");
    CheckEngine<Cell>(cpu::avx512::Table<Cell, double>(), name + " avx512 double");
    CheckEngine<Cell>(cpu::avx512::Table<Cell, Half>(), name + " avx512 half");
    CheckEngine<Cell>(cpu::avx512::Table<Cell, BFloat16>(), name + " avx512 bfloat16");
  }
  if (cpu::IsaRuns(cpu::Isa::kAvx512Bf16)) {
    CheckEngine<Cell>(cpu::avx512_bf16::Table<Cell, BFloat16>(), name + " avx512_bf16 bfloat16");
  }
#endif
}

TEST(Engine, Lstm) { CheckAll<Lstm>("lstm"); }
TEST(Engine, Gru) { CheckAll<Gru>("gru"); }
TEST(Engine, GruResetBefore) { CheckAll<GruResetBefore>("gru_reset_before"); }
TEST(Engine, SimpleRnn) { CheckAll<SimpleRnn>("simple_rnn"); }

}  // namespace
}  // namespace tfrnn
