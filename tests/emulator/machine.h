// What the emulated GPU consists of, for emulator.cc and memory_barrier.cc. Nothing on the way from
// one fiber to another may be visible to ThreadSanitizer, not even memmove or new in a container:
// hence intrusive lists, and both are compiled without it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "tests/emulator/emulator.h"
#include "tests/emulator/fiber.h"

namespace emulator {

// Reusable; arriving and waiting may be apart.
struct Barrier {
  unsigned expected = 0, arrived = 0, phase = 0;
  Fiber* waiting = nullptr;
  char tag[2];  // addresses for the sanitizer: one for each of two phases that may overlap
};

struct Warp {
  Barrier barrier;
  WarpFunction function = nullptr;
  int words = 0;
  Words in[2][32], out[2][32];
};

// In shared memory, counting bytes: see cuda/prim.cuh.
struct MemoryBarrier {
  const void* at = nullptr;
  const Thread* initialiser = nullptr;
  // Other blocks may use it once the cluster's barrier is beyond the phase of its fence.
  bool fenced = false;
  unsigned fence_phase = 0;
  // A phase ends when all have arrived and as many bytes were stored as announced.
  unsigned phase = 0;
  unsigned arrivals = 0, arrived = 0;
  long bytes = 0;  // announced and not stored yet; below zero: the other way round
  Fiber* waiting = nullptr;
  char tag[2];  // addresses for the sanitizer: one for each of two phases that may overlap
};

// Those of a block.
struct MemoryBarriers {
  static constexpr int kMost = 8;
  MemoryBarrier all[kMost];
  int count = 0;

  MemoryBarrier* Find(const void* at) {
    for (int i = 0; i < count; ++i) {
      if (all[i].at == at) return &all[i];
    }
    return nullptr;
  }
};

struct Block;

struct Cluster {
  Barrier barrier;
  std::vector<Block*> blocks;
  std::vector<Thread*> threads;
};

struct Block {
  Barrier barrier;
  MemoryBarriers memory_barriers;
  std::unique_ptr<Warp[]> warps;
  std::unique_ptr<unsigned char[]> shared;
  Cluster* cluster = nullptr;
  std::size_t alive = 0;  // threads
};

struct ThreadFiber : Fiber {
  Thread thread;
  Block* block = nullptr;
  unsigned cluster_phase = 0, warp_operations = 0;
  bool slow = false;
};

inline ThreadFiber* Self() { return static_cast<ThreadFiber*>(RunningFiber()); }

extern const char* mistake;  // what ends the launch

void Happened();             // something that spinning threads may have waited for
void WakeAll(Fiber** list);  // and empties it
void Park(Fiber** list);     // the running fiber, until then

// Stores that a barrier counts, on their way.
void BeginFlight(std::size_t most);
std::size_t InFlight();
void DeliverOne();  // any
bool LeavesAPhase(const Block& block);

}  // namespace emulator
