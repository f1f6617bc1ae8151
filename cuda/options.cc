#include "cuda/options.h"

namespace tfrnn::cuda {

const std::vector<Feature>& KnownFeatures() {
  using F = Features;
  static const std::vector<Feature> features = {
      {"projection", &F::projection, "a projection takes two exchanges a step"},
      {"layer_norm", &F::layer_norm, "layer normalisation takes two exchanges a step"},
      {"per_gate_dropout", &F::per_gate_dropout,
       "dropout of h with a mask for each gate takes a product each"},
      {"state_dropout", &F::state_dropout,
       "dropout of the state that a step starts from has kernels of one launch a step only"},
      {"vectors", &F::vectors, ""},
      {"activations", &F::activations, ""},
      {"cell_clip", &F::cell_clip, ""},
      {"cell_states", &F::cell_states, ""},
  };
  return features;
}

std::string GeneralReason(const Features& features) {
  for (const Feature& feature : KnownFeatures()) {
    if (features.*feature.asked && *feature.reason != '\0') return feature.reason;
  }
  return "";
}

}  // namespace tfrnn::cuda
