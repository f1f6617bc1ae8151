// Zoneout and recurrent dropout. Forward, the stepwise float64 kernels are compared with loops
// that know nothing of the units' code; backward, with finite differences of their own forward
// pass; and the persistent float32 kernels with the stepwise ones.
#include "cuda/noise.cuh"

#include <functional>
#include <random>

#include "cuda/reserve.h"
#include "tests/emulator/cases.h"

namespace tfrnn::cuda {
namespace {

struct Rates {
  std::string name;
  bool training;
  double zoneout_h, zoneout_c, dropout;
};

// A problem with noise.
template <template <typename> class Cell>
Problem<double> NoisyProblemOf(const Case& c, const Rates& rates) {
  Problem<double> p = ProblemOf<Cell>(c, false);
  RnnOptions& o = p.options;
  o.seed[0] = (std::uint64_t{4} << 32) + 17, o.seed[1] = 9, o.training = rates.training;
  o.zoneout = rates.zoneout_h, o.cell_zoneout = Cell<double>::kStates > 1 ? rates.zoneout_c : 0;
  o.recurrent_dropout = rates.dropout;
  return p;
}

// The outputs of an unmasked layer of one direction.
template <template <typename> class CellT>
Array<double> OutputsOf(const Problem<double>& p, const Noise& noise) {
  using Cell = CellT<double>;
  const std::int64_t time = p.shape.time, batch = p.shape.batch;
  const std::int64_t input = p.shape.input, units = p.shape.units;
  std::vector<Array<double>> state(p.initial, p.initial + Cell::kStates);
  Array<double> outputs(p.doutputs.size());
  for (std::int64_t t = 0; t < time; ++t) {
    std::vector<Array<double>> next = state;
    for (std::int64_t b = 0; b < batch; ++b) {
      const auto bits = [&](int stream, std::int64_t u) {
        return RandomBits(noise, stream, t, b, u, batch, units);
      };
      for (std::int64_t u = 0; u < units; ++u) {
        double sums[Cell::kSums] = {}, before[Cell::kStates], after[Cell::kStates];
        double saved[Cell::kSaved];
        for (int g = 0; g < Cell::kGates; ++g) {
          const std::int64_t column = g * units + u, width = Cell::kGates * units;
          double x = (*p.bias)[column], h = 0;
          for (std::int64_t k = 0; k < input; ++k) {
            x += p.x[p.Row(t, b) * input + k] * p.kernel[k * width + column];
          }
          for (std::int64_t k = 0; k < units; ++k) {
            double operand = state[0][b * units + k] * p.DropRecurrent(g, b, k);
            if (noise.dropout_below != 0) {
              operand *= bits(0, k) < noise.dropout_below ? 0 : noise.dropout_scale;
            }
            h += operand * p.recurrent_kernel[k * width + column];
          }
          if (Cell::kBiases == 2) h += (*p.bias)[width + column];
          sums[Cell::InputSum(g)] += x, sums[Cell::RecurrentSum(g)] += h;
        }
        for (int s = 0; s < Cell::kStates; ++s) before[s] = state[s][b * units + u];
        Cell::Forward(Standard<double>(), sums, before, after, saved);
        for (int s = 0; s < Cell::kStates; ++s) {
          double keep = noise.zoneout[s];
          if (noise.training) keep = bits(1 + s, u) < noise.zoneout_below[s] ? 1 : 0;
          next[s][b * units + u] = keep * before[s] + (1 - keep) * after[s];
        }
        outputs[p.Row(t, b) * units + u] = next[0][b * units + u];
      }
    }
    state = next;
  }
  return outputs;
}

class NoiseTest : public testing::TestWithParam<Rates> {
 protected:
  template <template <typename> class Cell>
  void Check() {
    CallOptions options;
    options.blas = TestBlas();
    Case c{"", Plan(), 4, 5, 21};
    c.dropout = true;
    Problem<double> p = NoisyProblemOf<Cell>(c, GetParam());
    LayerRun<double> run = RunLayer<Cell, double>(c, {p}, options);
    ASSERT_EQ(run.error, "");
    ExpectClose("outputs", OutputsOf<Cell>(p, NoiseOf(p.shape, p.options)), run.training[0].outputs,
                4e-15);

    if (p.options.training && p.options.zoneout > 0) CheckKeptBits<Cell>(c, p, options);

    // As masks and directions go, the gradient follows the forward pass.
    c.masked = c.backwards = true;
    p = NoisyProblemOf<Cell>(c, GetParam());
    run = RunLayer<Cell, double>(c, {p}, options);
    CheckGradients<Cell>(c, p, options, run.training[0]);

    for (const Policy policy : {Policy::kCluster, Policy::kGrid}) {
      c.plan = MakePlan(policy, 2, 1, 8, 2);
      const LayerRun<float> got = RunLayer<Cell, float>(c, {p.Rounded<float>()}, options);
      ASSERT_EQ(got.error, "");
      const Problem<double> rounded = RoundedTo<float>(p);
      const Case stepwise = [&] {
        Case s = c;
        s.plan = Plan();
        return s;
      }();
      const LayerRun<double> want = RunLayer<Cell, double>(stepwise, {rounded}, options);
      const auto expected = want.training[0].All();
      const auto found = got.training[0].All();
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ExpectClose("float32", *expected[i], Doubles(*found[i]), Tolerance<float>(true));
      }
    }
  }

 private:
  // A unit that keeps its value keeps its bits, however much larger the new value is.
  template <template <typename> class Cell>
  void CheckKeptBits(const Case& c, Problem<double> p, const CallOptions& options) {
    constexpr double kTiny = 1e-20;
    for (double& h : p.initial[0]) h *= 1e-30;
    const LayerRun<double> run = RunLayer<Cell, double>(c, {p}, options);
    ASSERT_EQ(run.error, "");
    const Array<double> want = OutputsOf<Cell>(p, NoiseOf(p.shape, p.options));
    int kept = 0;
    for (std::int64_t b = 0; b < p.shape.batch; ++b) {
      for (std::int64_t u = 0; u < p.shape.units; ++u) {
        const std::int64_t at = p.Row(0, b) * p.shape.units + u;
        if (std::abs(want[at]) > kTiny) continue;
        EXPECT_EQ(run.training[0].outputs[at], want[at]);
        ++kept;
      }
    }
    EXPECT_GT(kept, 0);
  }

  template <template <typename> class Cell>
  void CheckGradients(const Case& c, const Problem<double>& p, const CallOptions& options,
                      const Results<double>& r) {
    const auto loss = [&](const Problem<double>& at) {
      const LayerRun<double> run = RunLayer<Cell, double>(c, {at}, options);
      double sum = 0;
      const auto add = [&sum](const Array<double>& a, const Array<double>& b) {
        for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
      };
      add(run.inference[0].outputs, p.doutputs);
      for (int s = 0; s < p.states; ++s) add(run.inference[0].final[s], p.dfinal[s]);
      return sum;
    };
    const auto check = [&](const char* what, const Array<double>& gradient, auto part) {
      std::mt19937 random(1);
      std::normal_distribution<double> normal;
      Array<double> direction(gradient.size());
      double want = 0;
      for (std::size_t i = 0; i < direction.size(); ++i) {
        direction[i] = normal(random);
        want += direction[i] * gradient[i];
      }
      constexpr double kStep = 1e-5;
      const auto moved = [&](double step) {
        Problem<double> q = p;
        for (std::size_t i = 0; i < direction.size(); ++i) part(q)[i] += step * direction[i];
        return loss(q);
      };
      EXPECT_NEAR((moved(kStep) - moved(-kStep)) / (2 * kStep), want, 1e-6 * (1 + std::abs(want)))
          << what;
    };
    using P = Problem<double>;
    check("dx", r.dx, [](P& q) -> Array<double>& { return q.x; });
    check("dkernel", r.dkernel, [](P& q) -> Array<double>& { return q.kernel; });
    check("drecurrent_kernel", r.drecurrent_kernel,
          [](P& q) -> Array<double>& { return q.recurrent_kernel; });
    check("dbias", r.dbias, [](P& q) -> Array<double>& { return *q.bias; });
    for (int s = 0; s < p.states; ++s) {
      check("dinitial", r.dinitial[s], [s](P& q) -> Array<double>& { return q.initial[s]; });
    }
  }
};

TEST_P(NoiseTest, Lstm) { Check<Lstm>(); }
TEST_P(NoiseTest, Gru) { Check<Gru>(); }
INSTANTIATE_TEST_SUITE_P(Noise, NoiseTest,
                         testing::Values(Rates{"zoneout", true, 0.3, 0.2, 0},
                                         Rates{"expectation", false, 0.3, 0.2, 0.5},
                                         Rates{"zoneout_of_c", true, 0, 0.4, 0},
                                         Rates{"dropout", true, 0, 0, 0.25},
                                         Rates{"both", true, 0.1, 0.2, 0.4}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace tfrnn::cuda
