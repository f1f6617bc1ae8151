// Decides how a call is spread over a GPU. Pure C++: needs no GPU, runs anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/model.h"
#include "cuda/plan_types.h"

namespace tfrnn::cuda {

// A plan that fits the device, and what it is expected to take.
struct Candidate {
  Plan plan;
  int blocks = 0;        // of the launch; of one step's product with Policy::kStepwise: 0
  int shared_bytes = 0;  // of a block
  int held_bytes = 0;    // of a block's weights, in its registers
  Prediction us;         // of a step
};

// The best plan of one policy, or why the policy cannot have any.
struct Outcome {
  Policy policy;
  std::optional<Candidate> best;
  std::string obstacle;  // empty if there is a best one
};

struct Choice {
  Candidate candidate;
  std::string reason;             // one line, for people
  std::vector<Outcome> outcomes;  // of every policy
  std::string error;              // not empty: no plan, because of the override or the device
};

// Why the plan cannot run the call on the device; empty if it can.
std::string Obstacle(const Call& call, const Device& device, const Plan& plan);

// Chooses the plan of least predicted time, among those the override allows: see Override in
// cuda/plan_override.h. Empty means all.
Choice MakePlan(const Call& call, const Device& device, const Constants& constants,
                std::string_view override_text);

// The same with the constants of the device's architecture and the override of TFRNN_GPU_PLAN.
Choice MakePlan(const Call& call, const Device& device);

}  // namespace tfrnn::cuda
