// Launches the recurrence of one or two directions.
#pragma once

#include "cuda/backward_pass.cuh"
#include "cuda/math.cuh"
#include "cuda/persistent.cuh"
#include "cuda/runtime.cuh"
#include "cuda/stepwise.cuh"

namespace tfrnn::cuda {

template <typename Cell>
constexpr CellShape ShapeOf() {
  return {Cell::kGates, Cell::kSums, kHasOptions<Cell>};
}

// Why the device cannot run a pass as planned, or "".
inline Error Unsuitable(const Plan& plan, const Geometry& g, const LoopShape& shape,
                        const DeviceLimits& device, int element_size, bool matrices,
                        bool has_options) {
  const auto expected = [](const char* what, std::int64_t found, const std::string& want) {
    return "plan: " + std::string(what) + " is " + std::to_string(found) + "; expected " + want;
  };
  const int blocks = plan.unit_slices * plan.batch_slices * shape.directions;
  if (!matrices) {
    return "plan: the GPU has compute capability " + std::to_string(device.arch / 10) + "." +
           std::to_string(device.arch % 10) + ", without matrix instructions for " +
           std::to_string(8 * element_size) + "-bit elements; expected the stepwise policy";
  }
  if (plan.tile_rows != 8 && plan.tile_rows != 16 && (plan.tile_rows != 32 || has_options)) {
    return expected("tile_rows", plan.tile_rows, has_options ? "8 or 16" : "8, 16 or 32");
  }
  if (plan.warps < 1 || plan.warps > kMaxWarps) {
    return expected("warps", plan.warps, "1 to " + std::to_string(kMaxWarps));
  }
  if (g.granules > MaxGranules(plan)) {
    return expected("units of a block", g.units,
                    "at most " + std::to_string(MaxGranules(plan) * kGranule));
  }
  if (std::int64_t{plan.batch_slices} * plan.tile_rows < shape.batch || plan.batch_slices > 65535) {
    return expected("batch_slices", plan.batch_slices, "as many as cover the batch, up to 65535");
  }
  if (g.bytes > device.shared_bytes) {
    return expected("shared memory of a block", g.bytes,
                    "at most " + std::to_string(device.shared_bytes) + " bytes");
  }
  switch (plan.policy) {
    case Policy::kOneBlock:
      return plan.unit_slices == 1 ? "" : expected("unit_slices", plan.unit_slices, "1");
    case Policy::kCluster:
      if (device.arch < 90) return expected("compute capability * 10", device.arch, "90 or more");
      if (plan.unit_slices >= 2 && plan.unit_slices <= 16) return "";
      return expected("unit_slices", plan.unit_slices, "2 to 16");
    case Policy::kGrid:
      if (plan.unit_slices < 2) return expected("unit_slices", plan.unit_slices, "2 or more");
      return blocks <= device.multiprocessors
                 ? ""
                 : expected("blocks", blocks,
                            "one for each of " + std::to_string(device.multiprocessors) +
                                " multiprocessors at most");
    case Policy::kStepwise:
      break;
  }
  return "plan: the stepwise policy has no persistent kernel";
}

template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T>
Error RunPersistent(const typename PassT<CellT, T, 1>::Loop* directions, int count,
                    const Plan& plan, void* workspace, Stream stream) {
  using Pass = PassT<CellT, T, 1>;
  using Loop = typename Pass::Loop;
  const Loop& a = directions[0];
  const LoopShape shape{a.batch, a.units, count};
  PersistentArgs<Loop, typename Pass::Space> args;
  args.plan = plan;
  args.geometry = GeometryOf(ShapeOf<typename Pass::Cell>(), Pass::kPass, sizeof(T), a.units, plan);
  DeviceLimits device;
  Error error = CurrentDevice(&device);
  if (!error.empty()) return error;
  const bool matrices = device.arch >= 80 || std::is_same_v<T, Half>;
  error = Unsuitable(plan, args.geometry, shape, device, sizeof(T), matrices,
                     kHasOptions<typename Pass::Cell>);
  if (!error.empty()) return error;
  for (int d = 0; d < count; ++d) args.directions[d] = directions[d];

  if (plan.policy == Policy::kGrid) {
    args.exchange = Pass::SpaceIn(workspace, args.geometry, plan);
    error = Zero(workspace, Pass::SpaceBytes(args.geometry, plan, count), stream);
    if (!error.empty()) return error;
  }
  LaunchConfig config;
  config.grid_x = plan.unit_slices, config.grid_y = plan.batch_slices, config.grid_z = count;
  config.threads = 32 * plan.warps;
  if (plan.policy == Policy::kCluster) config.cluster = plan.unit_slices;
  config.cooperative = plan.policy == Policy::kGrid;
  config.shared_bytes = args.geometry.bytes;
  config.stream = stream;
  switch (plan.tile_rows) {
    case 8:
      return Launch(Persistent<PassT, CellT, T, 1>, config, args);
    case 16:
      return Launch(Persistent<PassT, CellT, T, 2>, config, args);
    default:
      if constexpr (kHasOptions<typename Pass::Cell>) {
        return "";  // refused above: such kernels would be the largest by far
      } else {
        return Launch(Persistent<PassT, CellT, T, 4>, config, args);
      }
  }
}

// Elements of what a pass over a segment hands to the next.
template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T>
std::int64_t CarryOf(const RnnShape& s) {
  return PassT<CellT, T, 1>::Unit::kCarried * s.batch * s.units;
}

// Whether there is a persistent kernel at all.
template <typename Cell, typename T>
constexpr bool kHasPersistent = Cell::kPhases == 1 && sizeof(T) <= 4;

template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T>
std::size_t LoopWorkspace(const LoopShape& shape, const Plan& plan) {
  using Pass = PassT<CellT, T, 1>;
  if (plan.policy == Policy::kStepwise) {
    return shape.directions *
           Stepwise<CellT, T, typename Pass::Loop>::WorkspaceBytes(shape.batch, shape.units);
  }
  return Pass::SpaceBytes(
      GeometryOf(ShapeOf<typename Pass::Cell>(), Pass::kPass, sizeof(T), shape.units, plan), plan,
      shape.directions);
}

template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T>
Error RunLoop(const typename PassT<CellT, T, 1>::Loop* directions, int count, const Plan& plan,
              const Blas& blas, void* workspace, Stream stream) {
  using Pass = PassT<CellT, T, 1>;
  if (plan.policy == Policy::kStepwise) {
    Error error;
    for (int d = 0; d < count && error.empty(); ++d) {
      using Loop = typename Pass::Loop;
      const std::size_t bytes =
          Stepwise<CellT, T, Loop>::WorkspaceBytes(directions[d].batch, directions[d].units);
      error = Stepwise<CellT, T, Loop>(directions[d], blas,
                                       static_cast<unsigned char*>(workspace) + d * bytes, stream)
                  .Run();
    }
    return error;
  }
  if constexpr (kHasPersistent<typename Pass::Cell, T>) {
    return RunPersistent<PassT, CellT, T>(directions, count, plan, workspace, stream);
  } else {
    return "plan: this cell and type have no persistent kernel; expected the stepwise policy";
  }
}

}  // namespace tfrnn::cuda
