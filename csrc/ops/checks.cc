#include "csrc/ops/checks.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace tfrnn {
namespace {

absl::Status CheckRate(const char* name, double rate) {
  if (rate >= 0 && rate < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must lie in [0, 1), found ", rate));
}

absl::Status CheckClip(const char* name, double clip) {
  if (clip >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " must be positive, or 0 for none, found ", clip));
}

}  // namespace

absl::Status CheckDirections(int own_states, int states, int directions) {
  if (directions > kMaxDirections) {
    return absl::InvalidArgumentError(
        absl::StrCat("directions must be 1 or ", kMaxDirections, ", found ", directions));
  }
  if (states == own_states * directions) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "initial_state must hold ", own_states * directions, " tensors, found ", states));
}

absl::Status ReadActivation(tensorflow::OpKernelConstruction* c, const char* name,
                            Activation* activation) {
  std::string found;
  TF_RETURN_IF_ERROR(c->GetAttr(name, &found));
  for (int i = 0; i <= static_cast<int>(Activation::kGelu); ++i) {
    if (found != kActivationNames[i]) continue;
    *activation = static_cast<Activation>(i);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(name, " is unknown, found ", found));
}

absl::Status ReadScalars(tensorflow::OpKernelConstruction* c, RnnOptions* options) {
  const struct {
    const char* name;
    double* value;
  } known[] = {
      {"recurrent_dropout", &options->recurrent_dropout},
      {"zoneout", &options->zoneout},
      {"cell_zoneout", &options->cell_zoneout},
      {"layer_norm_epsilon", &options->layer_norm_epsilon},
      {"cell_clip", &options->cell_clip},
      {"projection_clip", &options->projection_clip},
  };
  std::string text;
  TF_RETURN_IF_ERROR(c->GetAttr("scalars", &text));
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(word, '=');
    bool read = false;
    for (const auto& scalar : known) {
      read = read || (parts.first == scalar.name && absl::SimpleAtod(parts.second, scalar.value));
    }
    if (!read) return absl::InvalidArgumentError(absl::StrCat("scalars has the word ", word));
  }
  TF_RETURN_IF_ERROR(CheckRate("recurrent_dropout", options->recurrent_dropout));
  TF_RETURN_IF_ERROR(CheckRate("zoneout", options->zoneout));
  TF_RETURN_IF_ERROR(CheckRate("cell_zoneout", options->cell_zoneout));
  TF_RETURN_IF_ERROR(CheckClip("cell_clip", options->cell_clip));
  TF_RETURN_IF_ERROR(CheckClip("projection_clip", options->projection_clip));
  if (options->layer_norm_epsilon > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("layer_norm_epsilon must be positive, found ", options->layer_norm_epsilon));
}

absl::Status ReadSeed(const Tensor& seed, RnnOptions* options) {
  const bool draws = options->training && (options->recurrent_dropout > 0 || options->zoneout > 0 ||
                                           options->cell_zoneout > 0);
  if (Absent(seed) && !draws) return absl::OkStatus();
  TF_RETURN_IF_ERROR(CheckShape("seed", seed, TensorShape({2})));
  for (int i = 0; i < 2; ++i) {
    options->seed[i] = static_cast<std::uint64_t>(seed.flat<int64_t>()(i));
  }
  return absl::OkStatus();
}

}  // namespace tfrnn
