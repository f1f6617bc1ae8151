// Philox4x32-10, the counter generator of Salmon et al. 2011 ("Parallel random numbers: as easy
// as 1, 2, 3"), laid out as TensorFlow's stateless random ops lay it out: element i of a stream is
// word i % 4 of the block with counter {i / 4, stream, seed[1]} under the key seed[0]. A masked
// element is one whose word lies below rate * 2^32.
#pragma once

#include <cstdint>

#include "csrc/core/types.h"

namespace tfrnn {

enum class Stream : std::uint32_t { kRecurrentDropout = 0, kZoneout = 1, kCellZoneout = 2 };

// Element (t, b, u) of a stream over [time, batch, width] has this index, times of 4 by row.
TFRNN_INLINE constexpr std::uint64_t PhiloxGroups(std::int64_t width) {
  return static_cast<std::uint64_t>((width + 3) / 4);
}

struct Philox {
  std::uint32_t key[2], stream, seed;

  Philox(const std::uint64_t (&seeds)[2], Stream from)
      : key{static_cast<std::uint32_t>(seeds[0]), static_cast<std::uint32_t>(seeds[0] >> 32)},
        stream(static_cast<std::uint32_t>(from)),
        seed(static_cast<std::uint32_t>(seeds[1])) {}

  // Words 4 * group to 4 * group + 3 of the stream.
  TFRNN_INLINE void Group(std::uint64_t group, std::uint32_t (&words)[4]) const {
    std::uint32_t c0 = static_cast<std::uint32_t>(group);
    std::uint32_t c1 = static_cast<std::uint32_t>(group >> 32), c2 = stream, c3 = seed;
    std::uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
      c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
      c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<std::uint32_t>(p1), c3 = static_cast<std::uint32_t>(p0);
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
  }
};

// Words below this are masked; rate < 1.
TFRNN_INLINE std::uint32_t PhiloxThreshold(double rate) {
  return static_cast<std::uint32_t>(rate * 4294967296.0);
}

}  // namespace tfrnn
