#include "tests/emulator/fiber.h"

#include <sys/mman.h>

#include <cstdlib>
#include <vector>

#if defined(EMULATOR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(EMULATOR_TSAN)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

#if !defined(__x86_64__)
#error "emulator_switch below is written for x86-64"
#endif
// Saves what a function call keeps, changes the stack, and returns on the other one.
extern "C" void emulator_switch(void** save, void* to);
asm(R"(
.text
.globl emulator_switch
.type emulator_switch,@function
emulator_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size emulator_switch,.-emulator_switch
)");

namespace emulator {
namespace {

constexpr std::size_t kStackBytes = 128 << 10;

Fiber* running;
void* scheduler_stack_pointer;
#if defined(EMULATOR_ASAN)
void* scheduler_fake_stack;
const void* scheduler_stack;
std::size_t scheduler_stack_bytes;
#endif
#if defined(EMULATOR_TSAN)
void* scheduler_thread_sanitizer;
#endif

// What a fiber needs outlives it and serves the next: making it takes far longer than a launch.
struct Slot {
  char* stack;
  void* thread_sanitizer;
};
std::vector<Slot> free_slots;

Slot TakeSlot() {
  if (!free_slots.empty()) {
    const Slot slot = free_slots.back();
    free_slots.pop_back();
#if defined(EMULATOR_ASAN)
    __asan_unpoison_memory_region(slot.stack, kStackBytes);  // of frames that nobody left
#endif
    return slot;
  }
  void* const stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) std::abort();
  Slot slot{static_cast<char*>(stack), nullptr};
#if defined(EMULATOR_TSAN)
  slot.thread_sanitizer = __tsan_create_fiber(0);
#endif
  return slot;
}

void SwitchToScheduler([[maybe_unused]] bool for_good) {
  Fiber* const self = running;
#if defined(EMULATOR_ASAN)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &self->fake_stack, scheduler_stack,
                                 scheduler_stack_bytes);
#endif
#if defined(EMULATOR_TSAN)
  __tsan_switch_to_fiber(scheduler_thread_sanitizer, /*no_sync=*/1);
#endif
  emulator_switch(&self->stack_pointer, scheduler_stack_pointer);
#if defined(EMULATOR_ASAN)
  __sanitizer_finish_switch_fiber(self->fake_stack, nullptr, nullptr);
#endif
}

void Start() {
#if defined(EMULATOR_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_bytes);
#endif
  running->body(running->argument);
  running->done = true;
  SwitchToScheduler(true);
  std::abort();
}

}  // namespace

void CreateFiber(Fiber* fiber, void (*body)(void*), void* argument) {
  fiber->body = body, fiber->argument = argument, fiber->done = false;
  const Slot slot = TakeSlot();
  fiber->stack = slot.stack, fiber->thread_sanitizer = slot.thread_sanitizer;
  void** top = reinterpret_cast<void**>(fiber->stack + kStackBytes);
  *--top = nullptr;  // keeps the stack aligned as a call would leave it
  *--top = reinterpret_cast<void*>(Start);
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  fiber->stack_pointer = top;
#if defined(EMULATOR_TSAN)
  scheduler_thread_sanitizer = __tsan_get_current_fiber();
#endif
}

void DestroyFiber(Fiber* fiber) { free_slots.push_back({fiber->stack, fiber->thread_sanitizer}); }

void Resume(Fiber* fiber) {
  running = fiber;
#if defined(EMULATOR_ASAN)
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, fiber->stack, kStackBytes);
#endif
#if defined(EMULATOR_TSAN)
  __tsan_switch_to_fiber(fiber->thread_sanitizer, /*no_sync=*/1);
#endif
  emulator_switch(&scheduler_stack_pointer, fiber->stack_pointer);
#if defined(EMULATOR_ASAN)
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

void Suspend() { SwitchToScheduler(false); }

Fiber* RunningFiber() { return running; }

void Release([[maybe_unused]] void* address) {
#if defined(EMULATOR_TSAN)
  __tsan_release(address);
#endif
}

void Acquire([[maybe_unused]] void* address) {
#if defined(EMULATOR_TSAN)
  __tsan_acquire(address);
#endif
}

}  // namespace emulator
