// What one segment of a sequence hands to the next, in the compute type: so that a sequence gives
// the same numbers in segments as whole.
#pragma once

#include "csrc/core/args.h"
#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

// `count` elements from `at` on of initial state s >= 1, or of what the segment before has left.
template <template <typename> class Args, typename T, typename E>
void LoadState(const Args<T>& a, int s, Index at, Index count, E* to) {
  if (a.carry_in == nullptr) return LoadRow(a.initial[s] + at, count, to);
  const auto* const states = static_cast<const ComputeType<T>*>(a.carry_in);
  LoadRow(states + (s - 1) * a.shape.batch * a.shape.units + at, count, to);
}

// Elements of a last state, for the caller and for the next segment.
template <typename T, typename E>
void KeepState(const ForwardArgs<T>& a, int s, Index at, Index count, const E* from) {
  StoreRow(from, count, a.final[s] + at);
  if (a.carry_out == nullptr || s == 0) return;
  auto* const states = static_cast<ComputeType<T>*>(a.carry_out);
  StoreRow(from, count, states + (s - 1) * a.shape.batch * a.shape.units + at);
}

// Where in dcarry_in and dcarry_out the gradient of state s begins, and that of the output that
// masked steps repeat.
inline Index StateCarry(const RnnShape& shape, int s) {
  return s == 0 ? 0 : shape.batch * (2 * shape.Hidden() + (s - 1) * shape.units);
}
inline Index RepeatedCarry(const RnnShape& shape) { return shape.batch * shape.Hidden(); }

// Elements of the gradient of a last state, or of what the segment after has left.
template <typename T, typename A>
void LoadStateGradient(const BackwardArgs<T>& a, int s, Index at, Index count, A* to) {
  if (a.dcarry_in == nullptr) return LoadRow(a.dfinal[s] + at, count, to);
  LoadRow(static_cast<const A*>(a.dcarry_in) + StateCarry(a.shape, s) + at, count, to);
}
template <typename T, typename A>
void LoadRepeated(const BackwardArgs<T>& a, Index at, Index count, A* to) {
  for (Index i = 0; i < count && a.dcarry_in == nullptr; ++i) to[i] = A(0);
  if (a.dcarry_in == nullptr) return;
  LoadRow(static_cast<const A*>(a.dcarry_in) + RepeatedCarry(a.shape) + at, count, to);
}

// Elements of the gradient of an initial state, for the caller and for the segment before.
template <typename T, typename A>
void KeepStateGradient(const BackwardArgs<T>& a, int s, Index at, Index count, const A* from) {
  StoreRow(from, count, a.dinitial[s] + at);
  if (a.dcarry_out == nullptr) return;
  StoreRow(from, count, static_cast<A*>(a.dcarry_out) + StateCarry(a.shape, s) + at);
}
template <typename T, typename A>
void KeepRepeated(const BackwardArgs<T>& a, Index at, Index count, const A* from) {
  if (a.dcarry_out == nullptr) return;
  StoreRow(from, count, static_cast<A*>(a.dcarry_out) + RepeatedCarry(a.shape) + at);
}

}  // namespace tfrnn::cpu::TFRNN_ISA
