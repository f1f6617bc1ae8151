// How long a step takes, predicted from a few constants of the architecture. It ranks plans; what
// it says about one of them is a prediction until it has been measured.
#pragma once

#include <cstdint>

#include "cuda/blas.h"
#include "cuda/constants.h"
#include "cuda/device.h"
#include "cuda/geometry.h"
#include "cuda/options.h"
#include "cuda/plan_types.h"

namespace tfrnn::cuda {

enum class Cell { kLstm, kGru, kGruResetBefore, kSimpleRnn, kIndRnn };

CellShape ShapeOf(Cell cell);
const char* Name(Cell cell);
const char* Name(Element dtype);
const char* Name(Policy policy);
const char* Name(Pass pass);
int SizeOf(Element dtype);

// A call, as far as its plan depends on it.
struct Call {
  Cell cell = Cell::kLstm;
  Element dtype = Element::kFloat32;
  Pass pass = Pass::kForward;
  std::int64_t batch = 0, units = 0;
  int directions = 1;
  bool tf32 = false;  // float32 in one TF32 product, not in the three that keep its precision
  Features features;
};

Geometry GeometryFor(const Call& call, const Plan& plan);

// Whether the device has matrix instructions for the call.
bool HasMma(const Call& call, const Device& device);

// Microseconds of one step of all directions and groups, by what they are spent on.
struct Prediction {
  double product = 0;    // matrix instructions or the reading of their operands
  double exchange = 0;   // of h, or of shares of its gradient on the way back
  double pointwise = 0;  // the cell, and adding up the parts of its sums
  double overhead = 0;   // loops, launches
  double total() const { return product + exchange + pointwise + overhead; }
};

Prediction Predict(const Call& call, const Plan& plan, const Device& device,
                   const Constants& constants);

}  // namespace tfrnn::cuda
