// The loops that csrc/bench/ceiling.cc times, compiled once for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tfrnn::bench {

struct Loops {
  // Runs `count` iterations of independent multiply-adds; returns how many operations those were.
  double (*multiply_add)(std::int64_t count);
  // Reads `bytes` bytes, a multiple of kReadBlock, from an address that is one of 64.
  void (*read)(const void* from, std::size_t bytes);
};

constexpr std::size_t kReadBlock = 512;  // eight of the widest vectors

namespace baseline {
const Loops& GetLoops();
}
namespace avx2 {
const Loops& GetLoops();
}
namespace avx512 {
const Loops& GetLoops();
}

}  // namespace tfrnn::bench
