// Random bits without a state: Philox4x32-10 (Salmon et al. 2011), keyed by the seed and counted
// by an element's place, so that every device and the backward pass draw the same.
#pragma once

#include "csrc/cells/zoneout.h"
#include "cuda/loop.h"
#include "cuda/prim.cuh"

namespace tfrnn::cuda {

enum RandomStream : std::uint32_t {
  kDropoutStream = 0,
  kZoneoutStream = 1
};  // + 1 for every state

// The bits of (t, b, u) of a stream: word i % 4 of block i / 4, where i counts the elements of
// [time, batch, units rounded up to 4].
TFRNN_DEVICE std::uint32_t RandomBits(const Noise& noise, std::uint32_t stream, std::int32_t t,
                                      std::int32_t b, std::int32_t u, std::int32_t batch,
                                      std::int32_t units) {
  const std::uint64_t block = (std::uint64_t{noise.first_step + static_cast<std::uint32_t>(t)} *
                                   static_cast<std::uint32_t>(batch) +
                               static_cast<std::uint32_t>(b)) *
                                  static_cast<std::uint32_t>((units + 3) / 4) +
                              static_cast<std::uint32_t>(u / 4);
  std::uint32_t c[4] = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                        stream, noise.counter};
  std::uint32_t key[2] = {noise.key[0], noise.key[1]};
  TFRNN_UNROLL for (int round = 0; round < 10; ++round) {
    constexpr std::uint32_t kA = 0xD2511F53u, kB = 0xCD9E8D57u;
    const std::uint32_t high_a = prim::MultiplyHigh(kA, c[0]), low_a = kA * c[0];
    const std::uint32_t high_b = prim::MultiplyHigh(kB, c[2]), low_b = kB * c[2];
    c[0] = high_b ^ c[1] ^ key[0];
    c[1] = low_b;
    c[2] = high_a ^ c[3] ^ key[1];
    c[3] = low_a;
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  const int word = u % 4;
  return word == 0 ? c[0] : word == 1 ? c[1] : word == 2 ? c[2] : c[3];
}

// What element u of h, `width` wide, is multiplied with at step t by dropout that is drawn.
template <typename A>
TFRNN_DEVICE A DropoutFactor(const Noise& noise, std::int32_t t, std::int32_t b, std::int32_t u,
                             std::int32_t batch, std::int32_t width) {
  if (noise.dropout_below == 0) return 1;
  const std::uint32_t bits = RandomBits(noise, kDropoutStream, t, b, u, batch, width);
  return bits < noise.dropout_below ? 0 : static_cast<A>(noise.dropout_scale);
}

// The share of its old value that element u of state `s`, `width` wide, keeps at step t.
template <typename A>
TFRNN_DEVICE A KeptShare(const Noise& noise, int s, std::int32_t t, std::int32_t b, std::int32_t u,
                         std::int32_t batch, std::int32_t width) {
  if (noise.zoneout_below[s] == 0) return 0;
  if (!noise.training) return static_cast<A>(noise.zoneout[s]);
  const std::uint32_t bits = RandomBits(noise, kZoneoutStream + s, t, b, u, batch, width);
  return bits < noise.zoneout_below[s] ? 1 : 0;
}

// What h as operand of step t's product is multiplied with.
template <typename T>
TFRNN_DEVICE ComputeType<T> OperandFactor(const LoopBase<T>& a, std::int32_t t, std::int32_t b,
                                          std::int32_t u) {
  const auto drawn = DropoutFactor<ComputeType<T>>(a.noise, t, b, u, a.batch, a.units);
  if (a.recurrent_dropout == nullptr) return drawn;
  return drawn * prim::ToFloat(a.recurrent_dropout[std::int64_t{b} * a.units + u]);
}

// The share of its old value that state `s` keeps at step t.
template <typename T>
TFRNN_DEVICE ComputeType<T> Kept(const LoopBase<T>& a, int s, std::int32_t t, std::int32_t b,
                                 std::int32_t u) {
  return KeptShare<ComputeType<T>>(a.noise, s, t, b, u, a.batch, a.units);
}

}  // namespace tfrnn::cuda
