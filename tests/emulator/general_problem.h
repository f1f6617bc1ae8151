// A layer with options, everything it reads and everything it computes.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "csrc/core/args.h"
#include "csrc/core/types.h"

namespace tfrnn::cuda {

struct GeneralCase {
  std::string name;
  std::int64_t time = 3, batch = 4, input = 3, units = 5, projection = 0;
  bool time_major = false, mask = false, both = false;
  bool bias = true, vectors = false, cell_states = false;
  bool input_dropout = false, recurrent_dropout = false, shared_dropout = false;
  bool state_dropout = false, indices = false;
  RnnOptions options;  // `general` and what belongs to operands is set by the problem
};
inline std::ostream& operator<<(std::ostream& out, const GeneralCase& c) { return out << c.name; }

// Arrays that a call does not have are empty.
template <typename T>
struct GeneralProblem {
  using Array = std::vector<T>;
  RnnShape shape;
  RnnOptions options;
  int states = 1, gates = 1;
  Array x, initial[2], kernel, recurrent_kernel, bias, input_dropout, recurrent_dropout, vectors;
  Array state_dropout, layer_norm, projection, doutputs, dstate_outputs, dfinal[2];
  std::vector<char> mask;
  std::vector<std::int32_t> indices;  // in place of x

  std::vector<const Array*> All() const {
    return {&x,
            &initial[0],
            &initial[1],
            &kernel,
            &recurrent_kernel,
            &bias,
            &input_dropout,
            &vectors,
            &layer_norm,
            &recurrent_dropout,
            &doutputs,
            &projection,
            &dfinal[0],
            &dstate_outputs,
            &dfinal[1],
            &state_dropout};
  }
  template <typename E>
  static const E* Any(const std::vector<E>& array) {
    return array.empty() ? nullptr : array.data();
  }
  const bool* Mask() const {
    return mask.empty() ? nullptr : reinterpret_cast<const bool*>(mask.data());
  }

  template <typename U>
  GeneralProblem<U> Rounded() const {
    GeneralProblem<U> p;
    p.shape = shape, p.options = options, p.states = states, p.gates = gates;
    p.mask = mask, p.indices = indices;
    const auto from = All();
    const auto to = p.All();
    for (std::size_t i = 0; i < from.size(); ++i) {
      auto* const array = const_cast<std::vector<U>*>(to[i]);
      array->resize(from[i]->size());
      for (std::size_t k = 0; k < array->size(); ++k) {
        Store(static_cast<ComputeType<U>>(Load((*from[i])[k])), &(*array)[k]);
      }
    }
    return p;
  }
};

template <typename T>
struct GeneralResults {
  using Array = std::vector<T>;
  Array outputs, state_outputs, final[2], dx, dinitial[2], dkernel, drecurrent_kernel, dbias;
  Array dvectors, dlayer_norm, dprojection;

  template <typename P>
  explicit GeneralResults(const GeneralProblem<P>& p)
      : outputs(p.doutputs.size()),
        state_outputs(p.dstate_outputs.size()),
        final{Array(p.initial[0].size()), Array(p.initial[1].size())},
        dx(p.x.size()),
        dinitial{final[0], final[1]},
        dkernel(p.kernel.size()),
        drecurrent_kernel(p.recurrent_kernel.size()),
        dbias(p.options.layer_norm ? 0 : p.bias.size()),
        dvectors(p.vectors.size()),
        dlayer_norm(p.layer_norm.size()),
        dprojection(p.projection.size()) {}

  static constexpr int kForward = 4;  // so many of All() are not gradients
  std::vector<const Array*> All() const {
    return {&outputs,     &state_outputs, &final[0],   &final[1], &dx,
            &dinitial[0], &dinitial[1],   &dkernel,    &dbias,    &drecurrent_kernel,
            &dvectors,    &dlayer_norm,   &dprojection};
  }
  static constexpr const char* kNames[] = {
      "outputs",    "state_outputs", "final h",    "final c", "dx",
      "dinitial h", "dinitial c",    "dkernel",    "dbias",   "drecurrent_kernel",
      "dvectors",   "dlayer_norm",   "dprojection"};
};

template <typename T>
ForwardArgs<T> ForwardOf(const GeneralProblem<T>& p, GeneralResults<T>* r) {
  using P = GeneralProblem<T>;
  ForwardArgs<T> a;
  a.shape = p.shape, a.options = p.options, a.kernel = p.kernel.data();
  a.x = P::Any(p.x), a.indices = P::Any(p.indices), a.state_dropout = P::Any(p.state_dropout);
  a.recurrent_kernel = p.recurrent_kernel.data(), a.bias = P::Any(p.bias), a.mask = p.Mask();
  a.input_dropout = P::Any(p.input_dropout), a.recurrent_dropout = P::Any(p.recurrent_dropout);
  a.vectors = P::Any(p.vectors), a.layer_norm = P::Any(p.layer_norm);
  a.projection = P::Any(p.projection), a.outputs = r->outputs.data();
  if (!r->state_outputs.empty()) a.state_outputs[1] = r->state_outputs.data();
  for (int s = 0; s < p.states; ++s) {
    a.initial[s] = p.initial[s].data(), a.final[s] = r->final[s].data();
  }
  return a;
}
template <typename T>
BackwardArgs<T> BackwardOf(const GeneralProblem<T>& p, GeneralResults<T>* r) {
  using P = GeneralProblem<T>;
  BackwardArgs<T> a;
  a.shape = p.shape, a.options = p.options, a.recurrent_kernel = p.recurrent_kernel.data();
  a.bias = P::Any(p.bias), a.mask = p.Mask(), a.recurrent_dropout = P::Any(p.recurrent_dropout);
  a.state_dropout = P::Any(p.state_dropout);
  a.vectors = P::Any(p.vectors), a.layer_norm = P::Any(p.layer_norm);
  a.projection = P::Any(p.projection), a.outputs = r->outputs.data();
  a.doutputs = p.doutputs.data();
  a.dvectors = r->dvectors.data(), a.dlayer_norm = r->dlayer_norm.data();
  if (!p.dstate_outputs.empty()) a.dstate_outputs[1] = p.dstate_outputs.data();
  for (int s = 0; s < p.states; ++s) {
    a.initial[s] = p.initial[s].data(), a.dfinal[s] = p.dfinal[s].data();
    a.dinitial[s] = r->dinitial[s].data();
  }
  return a;
}
template <typename T>
InputGradientArgs<T> InputGradientOf(const GeneralProblem<T>& p, GeneralResults<T>* r) {
  InputGradientArgs<T> a;
  a.shape = p.shape, a.options = p.options, a.kernel = p.kernel.data(), a.mask = p.Mask();
  a.input_dropout = GeneralProblem<T>::Any(p.input_dropout), a.dx = r->dx.data();
  return a;
}
template <typename T>
WeightGradientArgs<T> WeightGradientOf(const GeneralProblem<T>& p, GeneralResults<T>* r) {
  using P = GeneralProblem<T>;
  WeightGradientArgs<T> a;
  a.shape = p.shape, a.options = p.options, a.initial_h = p.initial[0].data();
  a.x = P::Any(p.x), a.indices = P::Any(p.indices), a.state_dropout = P::Any(p.state_dropout);
  a.mask = p.Mask(), a.input_dropout = P::Any(p.input_dropout);
  a.recurrent_dropout = P::Any(p.recurrent_dropout), a.outputs = r->outputs.data();
  a.dkernel = r->dkernel.data(), a.drecurrent_kernel = r->drecurrent_kernel.data();
  a.dbias = r->dbias.empty() ? nullptr : r->dbias.data();
  a.dprojection = r->dprojection.empty() ? nullptr : r->dprojection.data();
  return a;
}

// Random values of order one for a direction of a case. Options that the cell has not are left out.
template <template <typename> class CellT>
GeneralProblem<double> GeneralProblemOf(const GeneralCase& c, bool second) {
  using Cell = CellT<double>;
  std::mt19937 random(static_cast<unsigned>(c.time * 7 + c.batch * 5 + c.units * 3 + second));
  std::normal_distribution<double> normal;
  const auto make = [&](std::int64_t count, double scale, double mean = 0) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& v : values) v = mean + scale * normal(random);
    return values;
  };
  const auto drop = [&](std::int64_t count) {  // a third of the factors is 0
    std::vector<double> factors = make(count, 1);
    for (double& f : factors) f = f < -0.43 ? 0 : 1.5;
    return factors;
  };
  GeneralProblem<double> p;
  RnnShape& s = p.shape;
  s.time = c.time, s.batch = c.batch, s.input = c.input + second, s.units = c.units;
  s.projection = Cell::kEmits ? c.projection : 0, s.time_major = c.time_major;
  p.options = c.options, p.options.general = true;
  p.options.go_backwards = c.options.go_backwards != second;
  if (!Cell::kEmits) p.options.cell_zoneout = p.options.cell_clip = p.options.projection_clip = 0;
  if (s.projection == 0) p.options.projection_clip = 0;
  p.states = Cell::kStates, p.gates = Cell::kGates;
  p.options.shared_dropout = c.shared_dropout && c.recurrent_dropout;
  const std::int64_t T = s.time, B = s.batch, C = s.input, U = s.units, H = s.Hidden();
  const std::int64_t G = Cell::kGates;
  const double scale = 1 / std::sqrt(static_cast<double>(C + H));
  if (c.indices) {  // two of them name no row
    for (std::int64_t i = 0; i < T * B; ++i) {
      p.indices.push_back(static_cast<std::int32_t>(random() % (C + 2)) - 1);
    }
  } else {
    p.x = make(T * B * C, 1);
  }
  p.kernel = make(C * G * U, scale);
  if (Cell::kRecurrent) p.recurrent_kernel = make(H * G * U, scale);
  if (c.bias) p.bias = make(Cell::kBiases * G * U, 0.5);
  if (c.input_dropout && !c.indices) p.input_dropout = drop(G * B * C);
  if (c.recurrent_dropout) p.recurrent_dropout = drop((p.options.shared_dropout ? 1 : G) * B * H);
  if (c.state_dropout) p.state_dropout = drop(T * B * H);
  if (c.vectors || !Cell::kRecurrent) p.vectors = make(Cell::kVectors * U, 0.7);
  if (p.options.layer_norm) {
    p.layer_norm = make(2 * LayerNormWidth<Cell>(U), 0.3);
    for (std::int64_t i = 0; i < LayerNormWidth<Cell>(U); ++i) p.layer_norm[i] += 0.8;
  }
  if (s.projection > 0) p.projection = make(U * H, 1 / std::sqrt(static_cast<double>(U)));
  p.doutputs = make(T * B * H, 1);
  if (c.cell_states && Cell::kStates > 1) p.dstate_outputs = make(T * B * U, 1);
  for (int i = 0; i < Cell::kStates; ++i) {
    p.initial[i] = make(B * (i == 0 ? H : U), 1), p.dfinal[i] = make(B * (i == 0 ? H : U), 1);
  }
  if (c.mask) {
    for (std::int64_t i = 0; i < T * B; ++i) p.mask.push_back(i > 0 && normal(random) > -0.3);
  }
  return p;
}

}  // namespace tfrnn::cuda
