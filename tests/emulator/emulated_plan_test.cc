// What MakePlan promises, the launchers accept: for every device, call and policy.
#include <gtest/gtest.h>

#include "cuda/loop.cuh"
#include "cuda/plan.h"

namespace tfrnn::cuda {
namespace {

void ExpectAccepted(const Call& call, const Device& device, const Plan& plan) {
  const int size = SizeOf(call.dtype);
  const Geometry g = GeometryFor(call, plan);
  const DeviceLimits limits = {device.arch, device.multiprocessors, device.shared_per_block};
  EXPECT_EQ(Unsuitable(plan, g, {call.batch, call.units, call.directions}, limits, size,
                       HasMma(call, device), TakesOptions(call.features)),
            "")
      << device.name << " " << Name(call.cell) << " " << Name(call.dtype) << " batch " << call.batch
      << " units " << call.units << " policy " << Name(plan.policy);
}

TEST(PlanAndLaunchers, AgreeOnWhatFits) {
  int persistent = 0;
  for (const Device& device : KnownDevices()) {
    const Constants constants = ConstantsFor(device.arch);
    for (const Cell cell : {Cell::kLstm, Cell::kGru, Cell::kSimpleRnn}) {
      for (const Element dtype : {Element::kFloat16, Element::kBFloat16, Element::kFloat32}) {
        for (const std::int64_t units : {1, 16, 17, 128, 200, 512, 768, 1024, 2048}) {
          for (const std::int64_t batch : {1, 8, 17, 64, 1000}) {
            for (const Pass pass : {Pass::kForward, Pass::kBackward}) {
              Call call;
              call.cell = cell, call.dtype = dtype, call.pass = pass;
              call.units = units, call.batch = batch, call.directions = 1 + (units + batch) % 2;
              call.features.vectors = batch % 3 == 1;  // any that takes a cell with options
              for (const Outcome& outcome : MakePlan(call, device, constants, "").outcomes) {
                if (!outcome.best || outcome.policy == Policy::kStepwise) continue;
                ++persistent;
                ExpectAccepted(call, device, outcome.best->plan);
              }
            }
          }
        }
      }
    }
  }
  EXPECT_GT(persistent, 1000);
}

}  // namespace
}  // namespace tfrnn::cuda
