// Fibers: threads of a GPU, as stacks that one thread of the CPU switches between. The sanitizers
// are told of every switch; fiber.cc itself must be compiled without ThreadSanitizer.
#pragma once

#include <cstddef>

namespace emulator {

struct Fiber {
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
  bool done = false;
  Fiber* next = nullptr;  // in whatever list the fiber waits
  // Private to fiber.cc.
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  void *thread_sanitizer = nullptr, *fake_stack = nullptr;
};

void CreateFiber(Fiber* fiber, void (*body)(void*), void* argument);
void DestroyFiber(Fiber* fiber);  // whether or not its body has returned

void Resume(Fiber* fiber);  // from the scheduler, until the fiber suspends itself or is done
void Suspend();             // from a fiber, back to the scheduler
Fiber* RunningFiber();

// What happened before a release at an address happened before a later acquire at it: for
// ThreadSanitizer alone, which cannot see the emulated barriers otherwise.
void Release(void* address);
void Acquire(void* address);

}  // namespace emulator
