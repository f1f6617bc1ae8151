// Barriers in shared memory that count bytes, and the stores on their way to them. Nothing here
// allocates while fibers run.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "tests/emulator/machine.h"

namespace emulator {
namespace {

struct StoreInFlight {
  unsigned char* to;
  unsigned char value[16];
  MemoryBarrier* barrier;
  const std::size_t* alive;  // threads of the block that `to` belongs to
};

// Stores in no order.
class Flight {
 public:
  void Begin(std::size_t most) {
    stores_.reset(new StoreInFlight[most]);
    most_ = most, count_ = 0;
  }
  bool Full() const { return count_ == most_; }
  std::size_t count() const { return count_; }
  void Add(const StoreInFlight& store) { Copy(store, &stores_[count_++]); }
  StoreInFlight Take(std::size_t i) {
    StoreInFlight taken;
    Copy(stores_[i], &taken);
    Copy(stores_[--count_], &stores_[i]);
    return taken;
  }

 private:
  // As the compiler copies a struct it might call what sanitizers watch.
  static void Copy(const StoreInFlight& from, StoreInFlight* to) {
    to->to = from.to, to->barrier = from.barrier, to->alive = from.alive;
    for (int i = 0; i < 16; ++i) to->value[i] = from.value[i];
  }

  std::unique_ptr<StoreInFlight[]> stores_;
  std::size_t most_ = 0, count_ = 0;
};

Flight flight;

// Ends the phase if it is complete.
void Advance(MemoryBarrier* barrier) {
  if (barrier->arrived != barrier->arrivals || barrier->bytes != 0) return;
  barrier->arrived = 0;
  ++barrier->phase;
  WakeAll(&barrier->waiting);
}

}  // namespace

void BeginFlight(std::size_t most) { flight.Begin(most); }

std::size_t InFlight() { return flight.count(); }

// ThreadSanitizer saw the write when it was issued.
void DeliverOne() {
  const StoreInFlight store = flight.Take(Random() % flight.count());
  if (*store.alive == 0) mistake = "a store arrives at a block that has ended";
  for (int i = 0; i < 16; ++i) store.to[i] = store.value[i];
  store.barrier->bytes -= 16;
  Happened();
  Advance(store.barrier);
}

bool LeavesAPhase(const Block& block) {
  const MemoryBarriers& barriers = block.memory_barriers;
  return std::any_of(barriers.all, barriers.all + barriers.count, [](const MemoryBarrier& barrier) {
    return barrier.arrived != 0 || barrier.bytes != 0;
  });
}

void InitBarrier(const void* at, unsigned arrivals) {
  MemoryBarriers& barriers = Self()->block->memory_barriers;
  if (reinterpret_cast<std::uintptr_t>(at) % 8 != 0 || barriers.Find(at) != nullptr ||
      arrivals == 0 || barriers.count == MemoryBarriers::kMost) {
    mistake =
        "a barrier in shared memory is misaligned, of no arrivals, initialised twice, or one "
        "too many";
    return;
  }
  MemoryBarrier& barrier = barriers.all[barriers.count++];
  barrier.at = at, barrier.initialiser = current, barrier.arrivals = arrivals;
}

void FenceBarriers() {
  MemoryBarriers& barriers = Self()->block->memory_barriers;
  for (int i = 0; i < barriers.count; ++i) {
    MemoryBarrier& barrier = barriers.all[i];
    if (barrier.initialiser != current) continue;
    barrier.fenced = true, barrier.fence_phase = Self()->block->cluster->barrier.phase;
  }
}

void ArriveBarrier(const void* at, unsigned bytes) {
  MemoryBarrier* const barrier = Self()->block->memory_barriers.Find(at);
  if (barrier == nullptr || barrier->arrived == barrier->arrivals || bytes >= 1u << 20) {
    mistake = "an arrival at no barrier, or at one that has had its arrivals, or of too many bytes";
    return;
  }
  ++barrier->arrived, barrier->bytes += bytes;
  Release(&barrier->tag[barrier->phase & 1]);
  Advance(barrier);
}

void WaitBarrier(const void* at, unsigned parity) {
  MemoryBarrier* const barrier = Self()->block->memory_barriers.Find(at);
  if (barrier == nullptr) {
    mistake = "a thread waits at a barrier that nobody has initialised";
    return;
  }
  while ((barrier->phase & 1) == parity) Park(&barrier->waiting);
  Acquire(&barrier->tag[parity]);
}

void StoreAsync(unsigned char* to, const unsigned char (&value)[16], unsigned rank,
                const void* at) {
  Cluster& cluster = *Self()->block->cluster;
  Block& block = *cluster.blocks[rank];
  MemoryBarrier* const barrier = block.memory_barriers.Find(at);
  if (barrier == nullptr || !barrier->fenced || barrier->fence_phase == cluster.barrier.phase) {
    mistake = "a barrier is used by another block before a fence and a cluster barrier tell of it";
    return;
  }
  if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || cluster.blocks.size() == 1) {
    mistake = "an asynchronous store is misaligned or in a cluster of one";
    return;
  }
  if (flight.Full()) DeliverOne();
  Release(&barrier->tag[barrier->phase & 1]);
  StoreInFlight store = {to, {}, barrier, &block.alive};
  for (int i = 0; i < 16; ++i) store.value[i] = value[i];
  flight.Add(store);
}

}  // namespace emulator
