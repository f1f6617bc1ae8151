// TFRNN_GPU_PLAN, the environment variable that takes the choice of a plan away from the model.
//
//   value := item { ";" item }
//   item  := [ pass "=" ] policy { ":" limit }
//   pass  := "forward" | "backward"
//   policy:= "stepwise" | "block" | "cluster" | "grid"
//   limit := slices "x" slices      unit_slices x batch_slices
//          | "rows=" number         tile_rows
//          | "warps=" number        warps of a block
//
// An item without a pass is for both; of several items for a pass the last counts. What a limit
// leaves open is chosen as ever: "backward=stepwise;forward=cluster:8x4" or "grid:rows=16".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cuda/plan_types.h"

namespace tfrnn::cuda {

constexpr char kOverrideVariable[] = "TFRNN_GPU_PLAN";

struct Override {
  std::string text;  // the item
  Policy policy = Policy::kStepwise;
  int unit_slices = 0, batch_slices = 0, tile_rows = 0, warps = 0;  // 0: any

  bool Allows(const Plan& plan) const;
};

// The item for the pass, if there is one. Sets *error if the value breaks the grammar, also in
// items for the other pass.
std::optional<Override> ParseOverride(std::string_view value, Pass pass, std::string* error);

}  // namespace tfrnn::cuda
