#include "cuda/options.h"

namespace tfrnn::cuda {

const std::vector<Feature>& KnownFeatures() {
  using F = Features;
  static const std::vector<Feature> features = {
      {"projection", &F::projection, "a projection takes two exchanges a step"},
      {"layer_norm", &F::layer_norm, "layer normalisation takes two exchanges a step"},
      {"per_gate_dropout", &F::per_gate_dropout,
       "dropout of h with a mask for each gate takes a product each"},
      {"input_dropout", &F::input_dropout,
       "dropout of the inputs by given factors has kernels of one launch a step only"},
      {"state_dropout", &F::state_dropout,
       "dropout of the state that a step starts from has kernels of one launch a step only"},
      {"vectors", &F::vectors, "a vector of weights has kernels of one launch a step only"},
      {"activations", &F::activations,
       "an activation other than tanh and sigmoid has kernels of one launch a step only"},
      {"cell_clip", &F::cell_clip,
       "a bound on the cell state has kernels of one launch a step only"},
      {"cell_states", &F::cell_states,
       "the output of all cell states has kernels of one launch a step only"},
  };
  return features;
}

Features FeaturesOf(const RnnOptions& o) {
  Features features;
  features.layer_norm = o.layer_norm, features.cell_clip = o.cell_clip > 0;
  features.activations =
      o.activation != Activation::kTanh || o.recurrent_activation != Activation::kSigmoid;
  return features;
}

std::string GeneralReason(const Features& features) {
  for (const Feature& feature : KnownFeatures()) {
    if (features.*feature.asked) return feature.reason;
  }
  return "";
}

}  // namespace tfrnn::cuda
