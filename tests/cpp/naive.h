// A layer as plain loops in float64, the measure for the engine: it shares the cell and the
// argument structs with it, nothing else. Gradients by reverse accumulation, step by step.
#pragma once

#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "csrc/core/args.h"
#include "csrc/core/types.h"

namespace tfrnn {

template <typename T>
using Array = std::vector<T>;

template <typename T>
std::string Bits(const Array<T>& array) {
  return std::string(reinterpret_cast<const char*>(array.data()), array.size() * sizeof(T));
}

template <typename T>
struct Problem;

template <typename T>
struct Results {
  Array<T> outputs, final[2], dx, dinitial[2], dkernel, drecurrent_kernel, dbias;

  template <typename P>
  explicit Results(const Problem<P>& p);
  std::vector<const Array<T>*> All() const {
    return {&outputs,     &final[0], &final[1],          &dx,   &dinitial[0],
            &dinitial[1], &dkernel,  &drecurrent_kernel, &dbias};
  }
};

// The inputs of a layer and of its gradient.
template <typename T>
struct Problem {
  RnnShape shape;
  RnnOptions options;
  int states, gates, biases;
  Array<T> x, initial[2], kernel, recurrent_kernel, doutputs, dfinal[2];
  std::optional<Array<T>> bias;
  std::optional<Array<char>> mask;
  std::optional<Array<T>> input_dropout, recurrent_dropout;
  Array<std::int32_t> indices = {};  // for the engine, in place of x, unless there are none

  // The factor of column k of batch row b for a gate.
  double DropInput(int gate, std::int64_t b, std::int64_t k) const {
    return input_dropout ? (*input_dropout)[(gate * shape.batch + b) * shape.input + k] : 1;
  }
  double DropRecurrent(int gate, std::int64_t b, std::int64_t k) const {
    return recurrent_dropout ? (*recurrent_dropout)[(gate * shape.batch + b) * shape.units + k] : 1;
  }
  static const T* DataOf(const std::optional<Array<T>>& array) {
    return array ? array->data() : nullptr;
  }
  const bool* Mask() const { return mask ? reinterpret_cast<const bool*>(mask->data()) : nullptr; }
  std::int64_t Row(std::int64_t t, std::int64_t b) const {
    return shape.time_major ? t * shape.batch + b : b * shape.time + t;
  }
  std::int64_t InputRow(std::int64_t t, std::int64_t b) const {
    return Row(options.go_backwards ? shape.time - 1 - t : t, b);
  }

  template <typename U>
  Problem<U> Rounded() const {
    const auto round = [](const Array<T>& from) {
      Array<U> to(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        Store(static_cast<ComputeType<U>>(Load(from[i])), &to[i]);
      }
      return to;
    };
    Problem<U> p{shape,
                 options,
                 states,
                 gates,
                 biases,
                 round(x),
                 {},
                 round(kernel),
                 round(recurrent_kernel),
                 round(doutputs),
                 {},
                 {},
                 mask,
                 {},
                 {},
                 indices};
    for (int s = 0; s < 2; ++s) p.initial[s] = round(initial[s]), p.dfinal[s] = round(dfinal[s]);
    if (bias) p.bias = round(*bias);
    if (input_dropout) p.input_dropout = round(*input_dropout);
    if (recurrent_dropout) p.recurrent_dropout = round(*recurrent_dropout);
    return p;
  }

  ForwardArgs<T> Forward(Results<T>* r) const {
    ForwardArgs<T> a;
    a.shape = shape, a.options = options, a.x = x.data(), a.kernel = kernel.data();
    a.recurrent_kernel = recurrent_kernel.data(), a.bias = DataOf(bias);
    a.input_dropout = DataOf(input_dropout), a.recurrent_dropout = DataOf(recurrent_dropout);
    a.mask = Mask(), a.outputs = r->outputs.data();
    if (!indices.empty()) a.x = nullptr, a.indices = indices.data();
    for (int s = 0; s < states; ++s) {
      a.initial[s] = initial[s].data(), a.final[s] = r->final[s].data();
    }
    return a;
  }
  BackwardArgs<T> Backward(Results<T>* r) const {
    BackwardArgs<T> a;
    a.shape = shape, a.options = options, a.recurrent_kernel = recurrent_kernel.data();
    a.mask = Mask(), a.outputs = r->outputs.data(), a.doutputs = doutputs.data();
    a.recurrent_dropout = DataOf(recurrent_dropout);
    for (int s = 0; s < states; ++s) {
      a.initial[s] = initial[s].data(), a.dfinal[s] = dfinal[s].data();
      a.dinitial[s] = r->dinitial[s].data();
    }
    return a;
  }
  InputGradientArgs<T> InputGradient(Results<T>* r) const {
    InputGradientArgs<T> a;
    a.shape = shape, a.options = options, a.kernel = kernel.data(), a.mask = Mask();
    a.input_dropout = DataOf(input_dropout), a.dx = r->dx.data();
    return a;
  }
  WeightGradientArgs<T> WeightGradient(Results<T>* r) const {
    WeightGradientArgs<T> a;
    a.shape = shape, a.options = options, a.x = x.data(), a.initial_h = initial[0].data();
    a.mask = Mask(), a.outputs = r->outputs.data(), a.dkernel = r->dkernel.data();
    a.drecurrent_kernel = r->drecurrent_kernel.data();
    a.input_dropout = DataOf(input_dropout), a.recurrent_dropout = DataOf(recurrent_dropout);
    a.dbias = bias ? r->dbias.data() : nullptr;
    if (!indices.empty()) a.x = nullptr, a.indices = indices.data();
    return a;
  }
};

template <typename T>
template <typename P>
Results<T>::Results(const Problem<P>& p)
    : outputs(p.doutputs.size()),
      final{Array<T>(p.initial[0].size()), Array<T>(p.initial[1].size())},
      dx(p.x.size()),
      dinitial{final[0], final[1]},
      dkernel(p.kernel.size()),
      drecurrent_kernel(p.recurrent_kernel.size()),
      dbias(p.bias ? p.bias->size() : 0) {}

// Random values of order one.
template <template <typename> class CellT>
Problem<double> MakeProblem(std::int64_t time, std::int64_t batch, std::int64_t input,
                            std::int64_t units) {
  using Cell = CellT<double>;
  std::mt19937 random(static_cast<unsigned>(time * 7 + batch * 5 + input * 3 + units));
  std::normal_distribution<double> normal;
  const auto make = [&](std::int64_t count, double scale) {
    Array<double> values(static_cast<std::size_t>(count));
    for (double& v : values) v = scale * normal(random);
    return values;
  };
  Problem<double> p;
  p.shape = {time, batch, input, units, false};
  p.states = Cell::kStates, p.gates = Cell::kGates, p.biases = Cell::kBiases;
  p.x = make(time * batch * input, 1);
  const double scale = 1 / std::sqrt(static_cast<double>(input + units));
  p.kernel = make(input * p.gates * units, scale);
  p.recurrent_kernel = make(units * p.gates * units, scale);
  p.bias = make(p.biases * p.gates * units, 0.5);
  p.doutputs = make(time * batch * units, 1);
  for (int s = 0; s < p.states; ++s) {
    p.initial[s] = make(batch * units, 1), p.dfinal[s] = make(batch * units, 1);
  }
  p.mask = Array<char>(static_cast<std::size_t>(time * batch));
  for (char& m : *p.mask) m = normal(random) > -0.3;
  if (!p.mask->empty()) p.mask->front() = 0;
  const auto drop = [&](std::int64_t width) {  // a third of the factors is 0
    Array<double> factors = make(p.gates * batch * width, 1);
    for (double& f : factors) f = f < -0.43 ? 0 : 1.5;
    return factors;
  };
  p.input_dropout = drop(input), p.recurrent_dropout = drop(units);
  return p;
}

template <template <typename> class CellT>
Results<double> RunNaive(const Problem<double>& p) {
  using Cell = CellT<double>;
  constexpr int S = Cell::kStates, G = Cell::kGates;
  const std::int64_t T = p.shape.time, B = p.shape.batch, C = p.shape.input, U = p.shape.units;
  Results<double> r(p);
  struct Unit {
    double prev[S], next[S], saved[Cell::kSaved], dsums[Cell::kSums] = {};
  };
  std::vector<Unit> units(static_cast<std::size_t>(T * B * U));
  const auto active = [&](std::int64_t t, std::int64_t b) {
    return !p.mask || (*p.mask)[p.InputRow(t, b)];
  };
  const auto weight = [&](const Array<double>& w, std::int64_t k, int g, std::int64_t u) {
    return w[(k * G + g) * U + u];
  };

  for (int s = 0; s < S; ++s) r.final[s] = p.initial[s];
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t b = 0; b < B; ++b) {
      double* const out = &r.outputs[p.Row(t, b) * U];
      if (!active(t, b)) {
        for (std::int64_t u = 0; u < U; ++u) {
          out[u] =
              t > 0 && !p.options.zero_output_for_mask ? r.outputs[p.Row(t - 1, b) * U + u] : 0;
        }
        continue;
      }
      Unit* const unit = &units[(t * B + b) * U];
      std::vector<double> sums(static_cast<std::size_t>(Cell::kSums * U));
      for (int phase = 0; phase < Cell::kPhases; ++phase) {
        for (std::int64_t u = 0; u < U; ++u) {
          for (int g = 0; g < G; ++g) {
            if (Cell::Phase(g) != phase) continue;
            double& in = sums[Cell::InputSum(g) * U + u];
            if (p.bias) in += (*p.bias)[g * U + u];
            for (std::int64_t k = 0; k < C; ++k) {
              in +=
                  p.x[p.InputRow(t, b) * C + k] * p.DropInput(g, b, k) * weight(p.kernel, k, g, u);
            }
            double& rec = sums[Cell::RecurrentSum(g) * U + u];
            if (p.bias && p.biases == 2) rec += (*p.bias)[(G + g) * U + u];
            for (std::int64_t k = 0; k < U; ++k) {
              double h = r.final[0][b * U + k];
              if constexpr (Cell::kPhases == 2) {
                if (phase == 1) h = unit[k].saved[Cell::kOperand];
              }
              rec += h * p.DropRecurrent(g, b, k) * weight(p.recurrent_kernel, k, g, u);
            }
          }
        }
        for (std::int64_t u = 0; u < U; ++u) {
          double own[Cell::kSums];
          for (int s = 0; s < Cell::kSums; ++s) own[s] = sums[s * U + u];
          for (int s = 0; s < S; ++s) unit[u].prev[s] = r.final[s][b * U + u];
          if constexpr (Cell::kPhases == 2) {
            if (phase == 0) {
              Cell::Prepare(Standard<double>(), own, unit[u].prev, unit[u].saved);
              continue;
            }
          }
          Cell::Forward(Standard<double>(), own, unit[u].prev, unit[u].next, unit[u].saved);
        }
      }
      for (std::int64_t u = 0; u < U; ++u) {
        for (int s = 0; s < S; ++s) r.final[s][b * U + u] = unit[u].next[s];
        out[u] = unit[u].next[0];
      }
    }
  }

  Standard<double> fn;
  for (int s = 0; s < S; ++s) r.dinitial[s] = p.dfinal[s];
  Array<double> dout = p.doutputs;
  for (std::int64_t t = T - 1; t >= 0; --t) {
    for (std::int64_t b = 0; b < B; ++b) {
      double* const d = &dout[p.Row(t, b) * U];
      if (!active(t, b)) {
        for (std::int64_t u = 0; u < U && t > 0 && !p.options.zero_output_for_mask; ++u) {
          dout[p.Row(t - 1, b) * U + u] += d[u];
        }
        continue;
      }
      Unit* const unit = &units[(t * B + b) * U];
      std::vector<double> doperand(static_cast<std::size_t>(U));
      const auto spread = [&](int phase, auto add) {  // to what the gates multiplied
        for (std::int64_t k = 0; k < U; ++k) {
          for (int g = 0; g < G; ++g) {
            if (Cell::Phase(g) != phase) continue;
            for (std::int64_t u = 0; u < U; ++u) {
              add(k, unit[u].dsums[Cell::RecurrentSum(g)] * p.DropRecurrent(g, b, k) *
                         weight(p.recurrent_kernel, k, g, u));
            }
          }
        }
      };
      for (std::int64_t u = 0; u < U; ++u) {
        double dnext[S], dprev[S];
        for (int s = 0; s < S; ++s) dnext[s] = r.dinitial[s][b * U + u];
        dnext[0] += d[u];
        Cell::Backward(fn, unit[u].saved, unit[u].prev, unit[u].next, dnext, unit[u].dsums, dprev);
        for (int s = 0; s < S; ++s) r.dinitial[s][b * U + u] = dprev[s];
      }
      if constexpr (Cell::kPhases == 2) {
        spread(1, [&](std::int64_t k, double v) { doperand[k] += v; });
        for (std::int64_t u = 0; u < U; ++u) {
          double dprev[S] = {r.dinitial[0][b * U + u]};
          Cell::PrepareBackward(fn, unit[u].saved, unit[u].prev, doperand[u], unit[u].dsums, dprev);
          r.dinitial[0][b * U + u] = dprev[0];
        }
      }
      spread(0, [&](std::int64_t k, double v) { r.dinitial[0][b * U + k] += v; });

      for (std::int64_t u = 0; u < U; ++u) {
        for (int g = 0; g < G; ++g) {
          const double din = unit[u].dsums[Cell::InputSum(g)];
          const double drec = unit[u].dsums[Cell::RecurrentSum(g)];
          for (std::int64_t k = 0; k < C; ++k) {
            const double drop = din * p.DropInput(g, b, k);
            r.dx[p.InputRow(t, b) * C + k] += drop * weight(p.kernel, k, g, u);
            r.dkernel[(k * G + g) * U + u] += drop * p.x[p.InputRow(t, b) * C + k];
          }
          for (std::int64_t k = 0; k < U; ++k) {
            double h = unit[k].prev[0];
            if constexpr (Cell::kPhases == 2) {
              if (Cell::Phase(g) == 1) h = unit[k].saved[Cell::kOperand];
            }
            r.drecurrent_kernel[(k * G + g) * U + u] += drec * h * p.DropRecurrent(g, b, k);
          }
          if (p.bias) r.dbias[g * U + u] += din;
          if (p.bias && p.biases == 2) r.dbias[(G + g) * U + u] += drec;
        }
      }
    }
  }
  return r;
}

}  // namespace tfrnn
