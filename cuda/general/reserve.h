// The pieces of the reserve space and of the workspaces of the general kernels.
#pragma once

#include "cuda/general/loop.h"
#include "cuda/products.h"
#include "cuda/reserve.h"

namespace tfrnn::cuda {

// What forward keeps for the gradient: see loop.h.
template <typename Cell, typename T>
struct GeneralReserve {
  using A = ComputeType<T>;
  T *gates, *recurrents, *previous[kMaxStates] = {}, *hidden = nullptr, *projected = nullptr;
  A* scales = nullptr;
  std::size_t bytes;

  GeneralReserve(const RnnShape& s, const RnnOptions& o, void* memory) {
    Arena arena(memory);
    const std::int64_t rows = s.time * s.batch;
    gates = recurrents = arena.Take<T>(rows * Cell::kSaved * s.units);
    for (int i = 0; i < Cell::kStates; ++i) {
      previous[i] = arena.Take<T>(rows * (i == 0 ? s.Hidden() : s.units));
    }
    if (o.layer_norm) {
      if (Cell::kRecurrent) recurrents = arena.Take<T>(rows * Cell::kSaved * s.units);
      scales = arena.Take<A>(rows * (1 + Cell::kPhases));
    }
    if (s.projection > 0) {
      hidden = arena.Take<T>(rows * s.units);
      projected = arena.Take<T>(rows * s.projection);
    }
    bytes = arena.used();
  }
};

// What a direction describes of itself to both passes.
template <typename Args, typename T>
void FillGeneral(const Args& a, const CallOptions& options, GeneralLoop<T>* loop) {
  const RnnShape& s = a.shape;
  loop->time = static_cast<std::int32_t>(s.time);
  loop->batch = static_cast<std::int32_t>(s.batch);
  loop->units = static_cast<std::int32_t>(s.units);
  loop->width = static_cast<std::int32_t>(s.Hidden());
  loop->exact = options.exact;
  loop->options = a.options, loop->noise = NoiseOf(s, a.options);
  loop->input = RowsOf(s, a.options.go_backwards);
  loop->output = RowsOf(s, a.options.reverse_outputs, !s.local_outputs);
  loop->output_width = s.OutputStride();
  loop->recurrent_kernel = a.recurrent_kernel, loop->bias = a.bias, loop->mask = a.mask;
  loop->recurrent_dropout = a.recurrent_dropout;
  loop->drops_per_gate = a.recurrent_dropout != nullptr && !a.options.shared_dropout;
  loop->state_dropout = a.state_dropout, loop->vectors = a.vectors;
  loop->layer_norm = a.layer_norm, loop->projection = a.projection;
}
template <typename Cell, typename T>
void UseReserve(const RnnShape& s, const RnnOptions& o, void* memory, GeneralLoop<T>* loop) {
  const GeneralReserve<Cell, T> reserve(s, o, memory);
  loop->gates = reserve.gates, loop->gates_width = Cell::kSaved * s.units;
  loop->recurrents = reserve.recurrents, loop->scales = reserve.scales;
  for (int i = 0; i < Cell::kStates; ++i) loop->previous[i] = reserve.previous[i];
  loop->hidden = reserve.hidden, loop->hidden_rows = loop->input;
  loop->projected = reserve.projected;
}

// One direction of a forward pass; directions take turns with the same memory.
template <typename Cell, typename T>
struct GeneralForwardSpace {
  using A = ComputeType<T>;
  GeneralForwardLoop<T> loop;
  T* dropped = nullptr;  // [T * B, C]: x as a gate sees it
  void* carried;         // what a segment hands to the next: h, state and started
  std::size_t carried_bytes;
  std::size_t bytes;

  GeneralForwardSpace(const ForwardArgs<T>& a, const CallOptions& options, void* workspace) {
    const RnnShape& s = a.shape;
    Arena arena(workspace);
    FillGeneral(a, options, &loop);
    loop.outputs = a.outputs;
    if (Cell::kStates > 1) loop.state_outputs = a.state_outputs[1];
    for (int i = 0; i < Cell::kStates; ++i) {
      loop.initial[i] = a.initial[i], loop.final[i] = a.final[i];
    }
    const std::int64_t width = s.batch * s.Hidden(), units = s.batch * s.units;
    if (a.reserve_space != nullptr) {
      UseReserve<Cell, T>(s, a.options, a.reserve_space, &loop);
    } else {
      loop.gates_width = Cell::kGates * s.units;
      loop.gates = arena.Take<T>(s.time * s.batch * loop.gates_width);
      if (s.projection > 0) loop.hidden = arena.Take<T>(units);
      loop.hidden_rows.batch_stride = 1;
    }
    const std::size_t begin = arena.used();
    carried = arena.rest();
    loop.h = arena.Take<A>(width), loop.state = arena.Take<A>(units);
    loop.started = arena.Take<A>(s.batch);
    carried_bytes = arena.used() - begin;
    loop.resumes = a.carry_in != nullptr;
    if (s.projection > 0) loop.beside = arena.Take<A>(width);
    if (Cell::kRecurrent) {
      const int slots = loop.drops_per_gate ? Cell::kGates : 1;
      loop.product = arena.Take<A>(Cell::kGates * units);
      loop.operand = arena.Take<T>(slots * width);
    }
    if (Cell::kEmits && a.options.layer_norm) loop.emitted = arena.Take<A>(2 * units);
    if (a.input_dropout != nullptr) dropped = arena.Take<T>(s.time * s.batch * s.input);
    bytes = arena.used();
  }
};

// One direction of a backward pass.
template <typename Cell, typename T>
struct GeneralBackwardSpace {
  using A = ComputeType<T>;
  GeneralBackwardLoop<T> loop;
  std::int64_t vectors = 0, norm = 0;  // elements of the gradients
  void* sums = nullptr;                // for RunColumnSums
  std::size_t bytes;

  GeneralBackwardSpace(const BackwardArgs<T>& a, const CallOptions& options, void* workspace) {
    const RnnShape& s = a.shape;
    Arena arena(workspace);
    FillGeneral(a, options, &loop);
    UseReserve<Cell, T>(s, a.options, a.dgates, &loop);
    loop.resumes = a.continues;
    loop.doutputs = a.doutputs;
    if (Cell::kStates > 1) loop.dstate_outputs = a.dstate_outputs[1];
    for (int i = 0; i < Cell::kStates; ++i) {
      loop.dfinal[i] = a.dfinal[i], loop.dinitial[i] = a.dinitial[i];
    }
    const std::int64_t width = s.batch * s.Hidden(), units = s.batch * s.units;
    loop.h = arena.Take<A>(width), loop.state = arena.Take<A>(units);
    loop.repeated = arena.Take<A>(width), loop.dnew = arena.Take<A>(width);
    if (s.projection > 0) loop.beside = arena.Take<A>(units);
    if (Cell::kRecurrent) {
      const int slots = loop.drops_per_gate ? Cell::kGates : 1;
      loop.product = arena.Take<A>(slots * width);
    }
    loop.operand = arena.Take<T>(Cell::kGates * units);
    if (Cell::kPhases == 2 || a.options.layer_norm) {
      loop.dsums = arena.Take<A>(Cell::kSums * units);
    }
    if (Cell::kEmits && a.options.layer_norm) {
      loop.normal = arena.Take<A>(units), loop.dstate = arena.Take<A>(units);
    }
    if (a.vectors != nullptr) {
      vectors = Cell::kVectors * s.units;
      loop.dvectors = arena.Take<A>(s.batch * vectors);
    }
    if (a.options.layer_norm) {
      norm = 2 * LayerNormWidth<Cell>(s.units);
      loop.dlayer_norm = arena.Take<A>(s.batch * norm);
    }
    sums = arena.Take<A>(kSumChunks * (vectors > norm ? vectors : norm));
    bytes = arena.used();
  }
};

}  // namespace tfrnn::cuda
