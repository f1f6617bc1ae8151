// The threads a CPU kernel runs on, lent by its caller: TensorFlow's own pool in an op, threads of
// the call in _core. A plain struct of function pointers, so that the engine knows neither.
#pragma once

namespace tfrnn::cpu {

struct Pool {
  int threads = 1;  // how many tasks may run at once
  void* context = nullptr;
  // Runs task(argument, i) for every i in [0, count), in any order, on any thread; returns when
  // all are done. Tasks never wait for each other. Null: in order, on the caller.
  void (*run)(void* context, int count, void (*task)(void* argument, int i),
              void* argument) = nullptr;
  // Gathers the caller and up to `most` - 1 helpers that start within `patience` microseconds,
  // then runs member(argument, i, n) on all n of them, side by side: members may wait for one
  // another. Returns when all are done. Null: the caller alone.
  void (*gather)(void* context, int most, int patience,
                 void (*member)(void* argument, int i, int n), void* argument) = nullptr;
};

}  // namespace tfrnn::cpu
