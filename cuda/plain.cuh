// The two passes of a layer by the kernels that keep a unit's state with its thread: cuda/layer.cuh
// has the rest. CellT may have options, see functions.cuh.
#pragma once

#include "cuda/around.h"
#include "cuda/loop.cuh"
#include "cuda/options.h"
#include "cuda/reserve.h"

namespace tfrnn::cuda {

// Whether a call takes the cell with options; both passes of a layer must tell alike.
template <typename T>
bool AsksForOptions(const RnnOptions& o, const T* vectors, const T* state_outputs) {
  Features features = FeaturesOf(o);
  features.vectors = vectors != nullptr, features.cell_states = state_outputs != nullptr;
  return TakesOptions(features);
}

// What both passes are told of a cell's options.
template <typename Args, typename T>
void FillOptions(const Args& a, LoopBase<T>* loop) {
  loop->activation = a.options.activation;
  loop->recurrent_activation = a.options.recurrent_activation;
  loop->cell_clip = a.options.cell_clip, loop->vectors = a.vectors;
}

// The workspace of a forward pass, and the loops in it.
template <template <typename> class CellT, typename T>
struct PlainForwardSpace {
  using Cell = CellT<ComputeType<T>>;
  ForwardLoop<T> loops[kMaxDirections];
  T* dropped = nullptr;  // [T * B, C]: x as a gate sees it; directions take turns
  void* rest;            // for the loops
  std::size_t bytes;     // without the rest

  PlainForwardSpace(const ForwardArgs<T>* directions, int count, const CallOptions& options,
                    void* workspace) {
    Arena arena(workspace);
    const RnnShape& s = directions[0].shape;
    for (int d = 0; d < count; ++d) {
      const ForwardArgs<T>& a = directions[d];
      ForwardLoop<T>& loop = loops[d];
      FillBase(s, a.options, options, &loop);
      FillOptions(a, &loop);
      loop.recurrent_kernel = a.recurrent_kernel, loop.bias = a.bias, loop.mask = a.mask;
      loop.recurrent_dropout = a.recurrent_dropout, loop.outputs = a.outputs;
      loop.state_outputs = Cell::kStates > 1 ? a.state_outputs[1] : nullptr;
      for (int i = 0; i < Cell::kStates; ++i) {
        loop.initial[i] = a.initial[i], loop.final[i] = a.final[i];
      }
      loop.carry_in = static_cast<const ComputeType<T>*>(a.carry_in);
      loop.carry_out = static_cast<ComputeType<T>*>(a.carry_out);
      if (a.reserve_space == nullptr) {
        loop.gates_width = Cell::kGates * s.units;
        loop.gates = arena.Take<T>(s.time * s.batch * loop.gates_width);
        continue;
      }
      const Reserve<Cell, T> reserve(s, a.options, a.reserve_space);
      loop.gates_width = Cell::kSaved * s.units;
      loop.gates = reserve.gates;
      for (int i = 0; i < Cell::kStates; ++i) {
        loop.previous[i] = reserve.previous[i], loop.last[i] = reserve.last[i];
        loop.stepped[i] = reserve.stepped[i];
      }
    }
    if (directions[0].input_dropout != nullptr) {
      std::int64_t widest = 0;
      for (int d = 0; d < count; ++d) widest = std::max(widest, directions[d].shape.input);
      dropped = arena.Take<T>(s.time * s.batch * widest);
    }
    rest = arena.rest(), bytes = arena.used();
  }
};

template <template <typename> class CellT, typename T>
Error PlainForward(const ForwardArgs<T>* directions, int count, const CallOptions& options,
                   const Plan& plan, Stream stream) {
  const PlainForwardSpace<CellT, T> space(directions, count, options, directions[0].workspace);
  for (int d = 0; d < count; ++d) {
    const ForwardLoop<T>& loop = space.loops[d];
    const Error error = RunInput<CellT<ComputeType<T>>>(directions[d], options, loop.gates,
                                                        loop.gates_width, space.dropped, stream);
    if (!error.empty()) return error;
  }
  return RunLoop<ForwardPass, CellT, T>(space.loops, count, plan, options.blas, space.rest, stream);
}

// The same of a backward pass.
template <template <typename> class CellT, typename T>
struct PlainBackwardSpace {
  using A = ComputeType<T>;
  using Cell = CellT<A>;
  BackwardLoop<T> loops[kMaxDirections];
  std::int64_t vectors = 0;  // elements of their gradient
  void* sums = nullptr;      // for RunColumnSums
  void* rest;
  std::size_t bytes;

  PlainBackwardSpace(const BackwardArgs<T>* directions, int count, const CallOptions& options,
                     void* workspace) {
    Arena arena(workspace);
    const RnnShape& s = directions[0].shape;
    for (int d = 0; d < count; ++d) {
      const BackwardArgs<T>& a = directions[d];
      BackwardLoop<T>& loop = loops[d];
      FillBase(s, a.options, options, &loop);
      FillOptions(a, &loop);
      loop.recurrent_kernel = a.recurrent_kernel, loop.mask = a.mask;
      loop.recurrent_dropout = a.recurrent_dropout, loop.doutputs = a.doutputs;
      loop.dstate_outputs = Cell::kStates > 1 ? a.dstate_outputs[1] : nullptr;
      const Reserve<Cell, T> reserve(s, a.options, a.dgates);
      loop.gates_width = Cell::kSaved * s.units;
      loop.gates = reserve.gates;
      for (int i = 0; i < Cell::kStates; ++i) {
        loop.previous[i] = reserve.previous[i], loop.last[i] = reserve.last[i];
        loop.stepped[i] = reserve.stepped[i];
        loop.dfinal[i] = a.dfinal[i], loop.dinitial[i] = a.dinitial[i];
      }
      if (s.total > 0) {
        loop.carry_out = arena.Take<A>(CarryOf<BackwardPass, CellT, T>(s));
        if (a.continues) loop.carry_in = loop.carry_out;
      }
      if (a.vectors == nullptr) continue;
      vectors = Cell::kVectors * s.units;
      loop.dvectors = arena.Take<A>(s.batch * vectors);
    }
    if (vectors > 0) sums = arena.Take<A>(kSumChunks * vectors);
    rest = arena.rest(), bytes = arena.used();
  }
};

template <template <typename> class CellT, typename T>
Error PlainBackward(const BackwardArgs<T>* directions, int count, const CallOptions& options,
                    const Plan& plan, Stream stream) {
  const RnnShape& s = directions[0].shape;
  const PlainBackwardSpace<CellT, T> space(directions, count, options, directions[0].workspace);
  Error error;
  if (s.batch > 0) {
    error =
        RunLoop<BackwardPass, CellT, T>(space.loops, count, plan, options.blas, space.rest, stream);
  }
  for (int d = 0; d < count && error.empty(); ++d) {
    error = RunColumnSums(space.loops[d].dvectors, s.batch, space.vectors, space.vectors,
                          space.sums, directions[d].dvectors, stream);
  }
  return error;
}

}  // namespace tfrnn::cuda
