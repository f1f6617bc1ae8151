// Arguments that are names of what model.h lists.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "cuda/model.h"
#include "cuda/options.h"

namespace tfrnn {

// The value whose name is `found`; the argument's name is for the error.
template <typename T>
T Named(const char* argument, const std::string& found, std::initializer_list<T> values) {
  std::string known;
  for (const T value : values) {
    if (found == cuda::Name(value)) return value;
    known += std::string(known.empty() ? "" : ", ") + cuda::Name(value);
  }
  throw pybind11::value_error(std::string(argument) + " must be one of " + known + ", found " +
                              found);
}

inline cuda::Cell CellNamed(const std::string& name) {
  using cuda::Cell;
  return Named<Cell>(
      "cell", name,
      {Cell::kLstm, Cell::kGru, Cell::kGruResetBefore, Cell::kSimpleRnn, Cell::kIndRnn});
}

inline cuda::Element ElementNamed(const std::string& name) {
  using cuda::Element;
  return Named<Element>(
      "dtype", name, {Element::kFloat16, Element::kBFloat16, Element::kFloat32, Element::kFloat64});
}

inline cuda::Features FeaturesNamed(const std::vector<std::string>& names) {
  cuda::Features features;
  for (const std::string& name : names) {
    const auto& known = cuda::KnownFeatures();
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const cuda::Feature& f) { return f.name == name; });
    if (found == known.end()) {
      throw pybind11::value_error("features: found '" + name +
                                  "', expected names of gpu_features()");
    }
    features.*found->asked = true;
  }
  return features;
}

}  // namespace tfrnn
