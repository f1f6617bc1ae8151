// Barriers and the scheduler.
#include "tests/emulator/emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "tests/emulator/machine.h"

namespace emulator {

Thread* current;
std::uint64_t seed, warp_operations;
const char* mistake;

namespace {

// The fibers that could run, in rings that never allocate while they do.
class Ready {
 public:
  explicit Ready(std::size_t fibers) : quick_(fibers), slow_(fibers) {}
  void Push(ThreadFiber* fiber) { (fiber->slow ? slow_ : quick_).Push(fiber); }
  bool Empty() const { return quick_.count + slow_.count == 0; }
  // Slow fibers have to wait until no other can go on, or all that can only spin.
  ThreadFiber* Pop(std::size_t random) {
    const bool slow = quick_.count == 0 || (slow_.count > 0 && spins_ > 2 * quick_.count);
    return (slow ? slow_ : quick_).Pop(random);
  }
  void Spun() { ++spins_; }
  void Happened() { spins_ = 0; }

 private:
  struct Ring {
    std::unique_ptr<ThreadFiber*[]> fibers;
    std::size_t size, head = 0, count = 0;

    explicit Ring(std::size_t most) : fibers(new ThreadFiber*[most]), size(most) {}
    void Push(ThreadFiber* fiber) { fibers[(head + count++) % size] = fiber; }
    // Among the first 64 only: near enough to any order, and nobody starves.
    ThreadFiber* Pop(std::size_t random) {
      ThreadFiber*& slot = fibers[(head + random % std::min<std::size_t>(count, 64)) % size];
      ThreadFiber* const fiber = slot;
      slot = fibers[head];
      head = (head + 1) % size;
      --count;
      return fiber;
    }
  };

  Ring quick_, slow_;
  std::size_t spins_ = 0;
};

Ready* ready;
std::uint64_t random_state;
char launch_tag, end_tag;
std::size_t idle_spins;  // since anything happened that a spinning thread could wait for

void Wake(Barrier& barrier) {
  barrier.arrived = 0;
  ++barrier.phase;
  WakeAll(&barrier.waiting);
}

// Returns the phase that Wait is to see the end of.
unsigned Arrive(Barrier& barrier) {
  const unsigned phase = barrier.phase;
  if (++barrier.arrived == barrier.expected) Wake(barrier);
  return phase;
}

// ThreadSanitizer saw the writes when they were issued.
void DeliverRemoteStores(const Cluster& cluster) {
  for (Thread* thread : cluster.threads) {
    for (const RemoteStore& store : thread->remote_stores) {
      for (int i = 0; i < 16; ++i) static_cast<unsigned char*>(store.to)[i] = store.value[i];
    }
    thread->remote_stores.clear();
  }
}

void Wait(Barrier& barrier, unsigned phase) {
  if (barrier.phase == phase) Park(&barrier.waiting);
}

// A barrier that orders memory accesses.
void Sync(Barrier& barrier) {
  char* const tag = &barrier.tag[barrier.phase & 1];
  Release(tag);
  Wait(barrier, Arrive(barrier));
  Acquire(tag);
}

struct Body {
  void (*function)(void*);
  void* argument;
};

void RunBody(void* argument) {
  Acquire(&launch_tag);
  const Body* const body = static_cast<const Body*>(argument);
  body->function(body->argument);
  Release(&end_tag);
}

// What waits where, for the report of a deadlock.
std::string Describe(const std::vector<std::unique_ptr<Block>>& blocks, std::size_t alive) {
  std::string text = "deadlock: " + std::to_string(alive) + " threads wait forever";
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const Block& block = *blocks[b];
    const auto add = [&](const char* what, const Barrier& barrier) {
      if (barrier.arrived == 0) return;
      text += "\n  block " + std::to_string(b) + ": " + std::to_string(barrier.arrived) + " of " +
              std::to_string(barrier.expected) + " at its " + what + " barrier";
    };
    add("block", block.barrier);
    if (block.cluster->blocks.front() == &block) add("cluster", block.cluster->barrier);
    for (int i = 0; i < block.memory_barriers.count; ++i) {
      const MemoryBarrier& barrier = block.memory_barriers.all[i];
      if (barrier.waiting == nullptr) continue;
      text += "\n  block " + std::to_string(b) + ": barrier " + std::to_string(i) +
              " in its shared memory, where " +
              (barrier.arrived == barrier.arrivals
                   ? std::to_string(barrier.bytes) + " bytes are missing"
                   : std::to_string(barrier.arrived) + " of " + std::to_string(barrier.arrivals) +
                         " have arrived");
    }
    if (b == 8) return text + "\n  ...";
  }
  return text;
}

}  // namespace

void Happened() {
  idle_spins = 0;
  ready->Happened();
}

void WakeAll(Fiber** waiting) {
  for (Fiber* fiber = *waiting; fiber != nullptr; fiber = fiber->next) {
    ready->Push(static_cast<ThreadFiber*>(fiber));
  }
  *waiting = nullptr;
  Happened();
}

void Park(Fiber** waiting) {
  Fiber* const self = RunningFiber();
  self->next = *waiting;
  *waiting = self;
  Suspend();
}

void SyncBlock() { Sync(Self()->block->barrier); }

void SyncWarp() { Sync(Self()->block->warps[current->warp].barrier); }

void ArriveCluster() {
  Barrier& barrier = Self()->block->cluster->barrier;
  if (barrier.arrived + 1 == barrier.expected) DeliverRemoteStores(*Self()->block->cluster);
  Release(&barrier.tag[barrier.phase & 1]);
  Self()->cluster_phase = Arrive(barrier);
}

void WaitCluster() {
  Barrier& barrier = Self()->block->cluster->barrier;
  const unsigned phase = Self()->cluster_phase;
  Wait(barrier, phase);
  Acquire(&barrier.tag[phase & 1]);
}

void Spin() {
  ++idle_spins;
  ready->Spun();
  ready->Push(Self());
  Suspend();
}

void Progress() { Happened(); }

unsigned Random() {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<unsigned>(random_state >> 33);
}

void MayYield() {
  if (seed == 0 || Random() % 4 != 0) return;
  ready->Push(Self());
  Suspend();
}

unsigned char* SharedOf(unsigned rank) {
  const Cluster& cluster = *Self()->block->cluster;
  if (cluster.barrier.phase == 0) {
    mistake = "shared memory of a block is used before a cluster barrier says that it has started";
  }
  return cluster.blocks[rank]->shared.get();
}

void WarpOperation(const std::uint32_t* in, int in_words, std::uint32_t* out, int out_words,
                   WarpFunction function) {
  ThreadFiber* const self = Self();
  Warp& warp = self->block->warps[current->warp];
  const unsigned lane = current->lane, half = self->warp_operations++ & 1;
  for (int i = 0; i < in_words; ++i) warp.in[half][lane][i] = in[i];
  if (warp.barrier.arrived == 0) {
    warp.function = function, warp.words = in_words;
  } else if (warp.function != function || warp.words != in_words) {
    mistake = "lanes of a warp are at different operations";
  }
  if (warp.barrier.arrived + 1 == warp.barrier.expected) {
    function(warp.in[half], warp.out[half]);
    ++warp_operations;
  }
  Wait(warp.barrier, Arrive(warp.barrier));
  for (int i = 0; i < out_words; ++i) out[i] = warp.out[half][lane][i];
}

std::string Run(const LaunchShape& shape, void (*function)(void*), void* argument) {
  static std::mutex one_launch_at_a_time;
  const std::lock_guard<std::mutex> lock(one_launch_at_a_time);
  const unsigned block_count = shape.grid.Count(), warp_count = (shape.threads + 31) / 32;
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<std::unique_ptr<Cluster>> clusters;
  std::vector<std::unique_ptr<ThreadFiber>> fibers;
  Ready queue(std::size_t{block_count} * shape.threads);
  BeginFlight(shape.cluster == 1 ? 0 : 1 + block_count * shape.shared_bytes / 8);
  Body body{function, argument};
  ready = &queue, idle_spins = 0, mistake = nullptr;

  for (unsigned b = 0; b < block_count; ++b) {
    auto block = std::make_unique<Block>();
    block->barrier.expected = shape.threads;
    block->warps.reset(new Warp[warp_count]);
    for (unsigned w = 0; w < warp_count; ++w) {
      block->warps[w].barrier.expected = std::min(32u, shape.threads - 32 * w);
    }
    block->shared.reset(new unsigned char[shape.shared_bytes]);
    std::memset(block->shared.get(), 0xff, shape.shared_bytes);  // a NaN in every type
    if (b % shape.cluster == 0) {
      clusters.push_back(std::make_unique<Cluster>());
      clusters.back()->barrier.expected = shape.cluster * shape.threads;
    }
    block->cluster = clusters.back().get();
    block->cluster->blocks.push_back(block.get());
    block->alive = shape.threads;
    for (unsigned t = 0; t < shape.threads; ++t) {
      auto fiber = std::make_unique<ThreadFiber>();
      Thread& thread = fiber->thread;
      thread.grid = shape.grid;
      thread.block = {b % shape.grid.x, b / shape.grid.x % shape.grid.y,
                      b / shape.grid.x / shape.grid.y};
      thread.thread = t, thread.threads = shape.threads;
      thread.lane = t % 32, thread.warp = t / 32;
      thread.rank = b % shape.cluster, thread.cluster = shape.cluster;
      thread.shared = block->shared.get();
      fiber->block = block.get();
      block->cluster->threads.push_back(&thread);
      // With every other seed one block lags behind the others as far as it can, or one warp.
      if (seed % 2 == 0 && seed > 0) {
        fiber->slow =
            block_count > 1 ? b == seed / 2 % block_count : t / 32 == seed / 2 % warp_count;
      }
      CreateFiber(fiber.get(), RunBody, &body);
      queue.Push(fiber.get());
      fibers.push_back(std::move(fiber));
    }
    blocks.push_back(std::move(block));
  }

  Release(&launch_tag);
  random_state = seed * 2 + 1;
  std::size_t alive = fibers.size();
  const std::size_t patience = 10000 + 200 * fibers.size();
  while ((!queue.Empty() || InFlight() > 0) && mistake == nullptr && idle_spins < patience) {
    const unsigned random = Random();
    if (InFlight() > 0 && (queue.Empty() || (seed % 2 == 1 && random % 4 == 0))) {
      DeliverOne();
      continue;
    }
    ThreadFiber* const fiber = queue.Pop(seed == 0 ? 0 : random);
    current = &fiber->thread;
    Resume(fiber);
    if (fiber->done) --alive, --fiber->block->alive, Happened();
  }
  Acquire(&end_tag);
  std::string report;
  if (mistake != nullptr) {
    report = mistake;
  } else if (!queue.Empty()) {
    report = "livelock: threads spin, and nothing happens that could end it";
  } else if (alive > 0) {
    report = Describe(blocks, alive);
  } else if (std::any_of(blocks.begin(), blocks.end(),
                         [](const auto& block) { return LeavesAPhase(*block); })) {
    report = "a barrier in shared memory is left in the middle of a phase";
  }
  for (const auto& fiber : fibers) DestroyFiber(fiber.get());
  return report;
}

}  // namespace emulator
