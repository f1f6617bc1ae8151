// What a call asks for beyond a plain recurrence, as far as its kernels differ. Pure C++.
#pragma once

#include <string>
#include <vector>

#include "csrc/core/args.h"

namespace tfrnn::cuda {

struct Features {
  bool layer_norm = false;
  bool projection = false;
  bool vectors = false;      // peepholes, or the recurrent weights of a cell without a matrix
  bool activations = false;  // others than tanh and sigmoid
  bool cell_clip = false;
  bool cell_states = false;       // of all steps are put out
  bool per_gate_dropout = false;  // of h, by given factors that differ between the gates
  bool state_dropout = false;     // factors of the h that a step starts from
};

// nvcc writes out a member pointer in parentheses, which GCC warns of, but not a name for it.
using Asked = bool Features::*;

// What is more than a plain recurrence. With a reason, it takes the general kernels, one launch a
// step; with an empty one, plain kernels of a cell with options, whose threads take more registers.
struct Feature {
  std::string name;
  Asked asked;
  const char* reason;
};
const std::vector<Feature>& KnownFeatures();

// What the options of a call tell; the caller knows which operands there are.
inline Features FeaturesOf(const RnnOptions& o) {
  Features features;
  features.layer_norm = o.layer_norm, features.cell_clip = o.cell_clip > 0;
  features.activations =
      o.activation != Activation::kTanh || o.recurrent_activation != Activation::kSigmoid;
  return features;
}

// Why the call takes the general kernels, or "" if the plain ones serve. RnnOptions::general tells
// the launchers.
std::string GeneralReason(const Features& features);

// Whether it takes the cell with options, if not the general kernels: see cuda/functions.cuh.
inline bool TakesOptions(const Features& f) {
  return f.vectors || f.activations || f.cell_clip || f.cell_states;
}

}  // namespace tfrnn::cuda
