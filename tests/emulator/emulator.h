// A GPU on one thread of the CPU, for kernels written against cuda/prim.cuh.
//
// Every thread of a launch is a fiber; a seed decides in which order they run. Shared memory is of
// the exact size asked for and full of NaN. An asynchronous copy, or a store to another block of
// the cluster, ruins its destination at once and delivers as late as it may. A launch in which
// threads wait forever, spin forever, or meet at different operations ends with a report.
//
// Not modelled: the speed of anything, what fits into registers, memory that becomes visible later
// than a thread wrote it (ThreadSanitizer finds the missing barrier instead), bank conflicts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace emulator {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  unsigned Count() const { return x * y * z; }
};

struct LaunchShape {
  Dim3 grid;
  unsigned threads = 1;  // of a block
  unsigned cluster = 1;  // blocks along x
  std::size_t shared_bytes = 0;
};

struct Copy {  // of 16 bytes, under way
  void* to;
  const void* from;
};
struct RemoteStore {
  void* to;
  unsigned char value[16];
};

// What a thread knows of itself, and what it has under way.
struct Thread {
  Dim3 block;  // index in the grid
  Dim3 grid;
  unsigned thread = 0, threads = 1, lane = 0, warp = 0, rank = 0, cluster = 1;
  unsigned char* shared = nullptr;
  std::vector<Copy> copies;
  std::vector<RemoteStore> remote_stores;
};
extern Thread* current;

// Runs `body` in every thread. Returns a report of what went wrong, or "".
std::string Run(const LaunchShape& shape, void (*body)(void*), void* argument);

// Decides on schedules from here on; 0: threads take turns.
extern std::uint64_t seed;

void SyncBlock();
void SyncWarp();
void ArriveCluster();
void WaitCluster();
void Spin();      // call in every loop that waits for another thread
void Progress();  // what such a loop waits for may have happened
void MayYield();  // a place where others may come between, by the schedule's choice
unsigned Random();
unsigned char* SharedOf(unsigned rank);

// Barriers in shared memory, known by their addresses: see cuda/prim.cuh.
void InitBarrier(const void* barrier, unsigned arrivals);
void FenceBarriers();
void ArriveBarrier(const void* barrier, unsigned bytes);
void WaitBarrier(const void* barrier, unsigned parity);
void StoreAsync(unsigned char* to, const unsigned char (&value)[16], unsigned rank,
                const void* barrier);

// Operations of a whole warp: every lane contributes words; the last to come computes, from all
// lanes' words, what each gets back. Orders no memory accesses.
constexpr int kMaxWords = 128;
using Words = std::uint32_t[kMaxWords];
extern std::uint64_t warp_operations;  // since the program began
using WarpFunction = void (*)(const Words (&in)[32], Words (&out)[32]);
void WarpOperation(const std::uint32_t* in, int in_words, std::uint32_t* out, int out_words,
                   WarpFunction function);

}  // namespace emulator
