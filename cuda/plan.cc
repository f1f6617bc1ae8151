#include "cuda/plan.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cuda/geometry.h"
#include "cuda/plan_override.h"

namespace tfrnn::cuda {
namespace {

constexpr int kOldestArch = 75;
constexpr Policy kPolicies[] = {Policy::kOneBlock, Policy::kCluster, Policy::kGrid,
                                Policy::kStepwise};
constexpr int kTileRows[] = {8, 16, 32};
constexpr int kMaxGridY = 65535;

std::string Number(std::int64_t n) { return std::to_string(n); }

std::string Microseconds(double us) {
  char text[32];
  std::snprintf(text, sizeof(text), us < 9.995 ? "%.2f" : "%.1f", us);
  return text;
}

// The launch bounds of the kernels leave a thread so many, as the hardware hands them out.
constexpr int kRegistersOfThread = 65536 / (32 * kMaxWarps);

std::string Kibibytes(int bytes) { return Number((bytes + 1023) / 1024); }

// Cells with options have no kernels for the largest tile.
int MaxTileRows(const Call& call) { return TakesOptions(call.features) ? 16 : 32; }

// Why only the stepwise policy can run the call; empty if others can.
std::string OptionObstacle(const Call& call, const Device& device) {
  if (call.cell == Cell::kGruResetBefore) {
    return "the reset gate acts before the product, which takes two exchanges a step";
  }
  if (call.cell == Cell::kIndRnn) return "the cell has no recurrent matrix to keep on chip";
  if (const std::string reason = GeneralReason(call.features); !reason.empty()) return reason;
  if (!HasMma(call, device)) {
    return "compute capability " + Number(device.arch / 10) + "." + Number(device.arch % 10) +
           " has no matrix instruction for " + Name(call.dtype);
  }
  return "";
}

int BlocksOf(const Call& call, const Plan& plan) {
  return plan.policy == Policy::kStepwise ? 0
                                          : plan.unit_slices * plan.batch_slices * call.directions;
}

// Shared memory of a block. Where the weights alone are beyond an int, theirs.
std::int64_t SharedBytes(const Call& call, const Plan& plan) {
  if (plan.policy == Policy::kStepwise) return 0;
  const std::int64_t weights =
      call.units * call.units / plan.unit_slices * ShapeOf(call.cell).gates * SizeOf(call.dtype);
  return weights < (1 << 30) ? GeometryFor(call, plan).bytes : weights;
}

// Weights of a block in its registers; of a plan that fits.
int HeldBytes(const Call& call, const Plan& plan) {
  return plan.policy == Policy::kStepwise ? 0 : GeometryFor(call, plan).held_bytes;
}

// Numbers of blocks for a group, one for each number of granules that a block may have: more
// blocks than needed for it would have nothing to do.
std::vector<int> UnitSlices(std::int64_t units, int most) {
  const int granules = CeilDiv(units, kGranule);
  std::vector<int> slices;
  for (int of_block = granules; of_block >= 1; --of_block) {
    const int blocks = CeilDiv(granules, of_block);
    if (blocks > most) break;
    if (slices.empty() || slices.back() != blocks) slices.push_back(blocks);
  }
  return slices;
}

// Why PlansOf, or what the override leaves of it, is empty.
std::string NothingToTry(Policy policy, const Call& call, const Device& device) {
  if (policy == Policy::kCluster && device.max_cluster() == 1) return "the device has no clusters";
  if (CeilDiv(call.units, kGranule) == 1) return "one block holds so few units";
  if (policy == Policy::kGrid) {
    return "at most " + Number(device.multiprocessors) + " blocks can be resident at once";
  }
  return "no such share of " + Number(call.units) + " units and " + Number(call.batch) + " rows";
}

// The plans that differ in what they ask of a multiprocessor, not counting those that ask for more
// blocks than can be resident.
std::vector<Plan> PlansOf(Policy policy, const Call& call, const Device& device) {
  if (policy == Policy::kStepwise) return {Plan()};
  std::vector<Plan> plans;
  const int most = policy == Policy::kOneBlock  ? 1
                   : policy == Policy::kCluster ? device.max_cluster()
                                                : device.multiprocessors;
  for (const int unit_slices : UnitSlices(call.units, most)) {
    if ((unit_slices == 1) != (policy == Policy::kOneBlock)) continue;
    for (const int rows : kTileRows) {
      const int batch_slices = CeilDiv(std::max<std::int64_t>(call.batch, 1), rows);
      const Plan plan = {policy, unit_slices, batch_slices, rows, kMaxWarps};
      if (policy != Policy::kGrid || BlocksOf(call, plan) <= device.multiprocessors) {
        plans.push_back(plan);
      }
      if (rows >= call.batch) break;  // a larger tile would only hold more padding
    }
  }
  return plans;
}

Outcome BestOf(Policy policy, const Call& call, const Device& device, const Constants& constants,
               const std::optional<Override>& override) {
  Outcome outcome{policy, {}, ""};
  std::int64_t least_shared =
      0;  // of the plans that do not fit: the obstacle of the nearest miss is shown
  for (const Plan& plan : PlansOf(policy, call, device)) {
    if (override && !override->Allows(plan)) continue;
    const std::int64_t shared = SharedBytes(call, plan);
    std::string obstacle = Obstacle(call, device, plan);
    if (!obstacle.empty()) {
      if (outcome.obstacle.empty() || shared < least_shared) {
        outcome.obstacle = std::move(obstacle);
        least_shared = shared;
      }
      continue;
    }
    const Prediction us = Predict(call, plan, device, constants);
    if (outcome.best && outcome.best->us.total() <= us.total()) continue;
    outcome.best =
        Candidate{plan, BlocksOf(call, plan), static_cast<int>(shared), HeldBytes(call, plan), us};
  }
  if (outcome.best) {
    outcome.obstacle.clear();
  } else if (outcome.obstacle.empty()) {
    outcome.obstacle = OptionObstacle(call, device);
    if (outcome.obstacle.empty() && override && override->warps != 0 &&
        override->warps != kMaxWarps) {
      outcome.obstacle = "a block has " + Number(kMaxWarps) + " warps";
    }
    if (outcome.obstacle.empty()) outcome.obstacle = NothingToTry(policy, call, device);
  }
  return outcome;
}

std::string Describe(const Candidate& candidate) {
  const Plan& plan = candidate.plan;
  const std::string slices = Number(plan.unit_slices) + "x" + Number(plan.batch_slices);
  std::string text = Name(plan.policy);
  if (plan.policy != Policy::kStepwise) {
    text += ":" + slices + ":rows=" + Number(plan.tile_rows) + ":warps=" + Number(plan.warps);
    text += ", " + Kibibytes(candidate.held_bytes) + " KiB of weights in registers, " +
            Kibibytes(candidate.shared_bytes) + " KiB of shared memory";
  }
  return text + ", " + Microseconds(candidate.us.total()) + " us a step predicted";
}

std::string Reason(const Candidate& candidate, const std::vector<Outcome>& outcomes,
                   const std::optional<Override>& override) {
  std::string text = Describe(candidate);
  if (override) {
    return text + "; " + kOverrideVariable + " asks for " + override->text;
  }
  for (const Outcome& outcome : outcomes) {
    if (outcome.policy == candidate.plan.policy) continue;
    text += std::string("; ") + Name(outcome.policy);
    text += outcome.best ? " " + Microseconds(outcome.best->us.total()) : ": " + outcome.obstacle;
  }
  return text;
}

}  // namespace

std::string Obstacle(const Call& call, const Device& device, const Plan& plan) {
  if (plan.policy == Policy::kStepwise) return "";
  if (const std::string obstacle = OptionObstacle(call, device); !obstacle.empty()) {
    return obstacle;
  }
  if (plan.tile_rows > MaxTileRows(call)) {
    return "with the call's options a group has at most " + Number(MaxTileRows(call)) + " rows";
  }
  if (plan.warps > kMaxWarps) return "a block has at most " + Number(kMaxWarps) + " warps";
  const int threads = 32 * plan.warps;
  if (threads * kRegistersOfThread > device.registers) {
    return Number(threads) + " threads a block exceed the registers of a multiprocessor";
  }
  const std::int64_t shared = SharedBytes(call, plan);
  if (shared > device.shared_per_block) {
    return "a block of " + Number(plan.unit_slices) + " needs " + Number(shared) +
           " bytes of shared memory, it may have " + Number(device.shared_per_block);
  }
  const Geometry g = GeometryFor(call, plan);
  if (g.granules > MaxGranules(plan)) {
    return "a block of " + Number(plan.unit_slices) + " has " + Number(g.units) +
           " units, its registers hold " + Number(MaxGranules(plan) * kGranule);
  }
  if (plan.batch_slices > kMaxGridY) {
    return Number(plan.batch_slices) + " groups are more than a launch may have";
  }
  if (plan.policy == Policy::kCluster && device.resident_clusters[plan.unit_slices] == 0) {
    return "no cluster of " + Number(plan.unit_slices) + " blocks fits";
  }
  if (plan.policy == Policy::kGrid) {
    if (!device.cooperative) return "the device has no cooperative launch";
    const int blocks = BlocksOf(call, plan);
    if (blocks > device.multiprocessors) {
      return Number(blocks) + " blocks are more than the " + Number(device.multiprocessors) +
             " that can be resident at once";
    }
  }
  return "";
}

Choice MakePlan(const Call& call, const Device& device, const Constants& constants,
                std::string_view override_text) {
  Choice choice;
  const std::optional<Override> override = ParseOverride(override_text, call.pass, &choice.error);
  if (!choice.error.empty()) return choice;
  if (device.arch < kOldestArch) {
    choice.error = device.name + " has compute capability " + Number(device.arch / 10) + "." +
                   Number(device.arch % 10) + "; the kernels need 7.5 or newer";
    return choice;
  }
  const Outcome* best = nullptr;
  for (const Policy policy : kPolicies) {
    if (override && override->policy != policy) continue;
    choice.outcomes.push_back(BestOf(policy, call, device, constants, override));
  }
  for (const Outcome& outcome : choice.outcomes) {
    if (!outcome.best) continue;
    if (best == nullptr || outcome.best->us.total() < best->best->us.total()) best = &outcome;
  }
  if (best == nullptr) {  // only an override leaves the stepwise policy out
    choice.error = std::string(kOverrideVariable) + " asks for " + override->text +
                   ", which does not fit: " + choice.outcomes.front().obstacle;
    return choice;
  }
  choice.candidate = *best->best;
  choice.reason = Reason(choice.candidate, choice.outcomes, override);
  return choice;
}

Choice MakePlan(const Call& call, const Device& device) {
  const char* const text = std::getenv(kOverrideVariable);
  return MakePlan(call, device, ConstantsFor(device.arch), text == nullptr ? "" : text);
}

}  // namespace tfrnn::cuda
