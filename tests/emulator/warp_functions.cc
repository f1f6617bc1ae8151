#include "tests/emulator/warp_functions.h"

#include <algorithm>

#include "csrc/core/types.h"

namespace emulator {
namespace {

// The values in a word of a fragment: two of 16 bits, or one TF32 number.
template <typename T>
void Unpack(std::uint32_t word, float* values) {
  for (int half = 0; half < 2; ++half) {
    values[half] = tfrnn::Load(T{static_cast<std::uint16_t>(word >> (16 * half))});
  }
}
template <>
void Unpack<float>(std::uint32_t word, float* values) {
  values[0] = tfrnn::internal::BitCast<float>(word & 0xffffe000u);
}

}  // namespace

void MatrixRows(const Words (&in)[32], Words (&out)[32]) {
  for (int lane = 0; lane < 32; ++lane) {
    for (int matrix = 0; matrix < 4; ++matrix) {
      for (int word = 0; word < 2; ++word) {
        out[lane][2 * matrix + word] = in[8 * matrix + lane / 4][word];
      }
    }
  }
}

void Largest(const Words (&in)[32], Words (&out)[32]) {
  std::int32_t largest = static_cast<std::int32_t>(in[0][0]);
  for (int lane = 1; lane < 32; ++lane) {
    largest = std::max(largest, static_cast<std::int32_t>(in[lane][0]));
  }
  for (int lane = 0; lane < 32; ++lane) out[lane][0] = static_cast<std::uint32_t>(largest);
}

void BallotOf(const Words (&in)[32], Words (&out)[32]) {
  std::uint32_t votes = 0;
  for (int lane = 0; lane < 32; ++lane) votes |= in[lane][0] << lane;
  for (int lane = 0; lane < 32; ++lane) out[lane][0] = votes;
}

template <typename T>
void Multiply(const Words (&in)[32], Words (&out)[32]) {
  constexpr int kPerWord = 4 / sizeof(T), kDepth = 8 * kPerWord;
  const int tiles = static_cast<int>(in[0][0]), columns = static_cast<int>(in[0][1]);
  float a[16][kDepth], b[8][8][kDepth];
  for (int column = 0; column < columns; ++column) {
    for (int lane = 0; lane < 32; ++lane) {
      const std::uint32_t* words = &in[lane][2 + 4 * tiles + 2 * column];
      for (int i = 0; i < 2; ++i) {
        Unpack<T>(words[i], &b[column][lane / 4][(lane % 4 + 4 * i) * kPerWord]);
      }
    }
  }
  for (int tile = 0; tile < tiles; ++tile) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < 4; ++i) {
        Unpack<T>(in[lane][2 + 4 * tile + i],
                  &a[lane / 4 + 8 * (i % 2)][(lane % 4 + 4 * (i / 2)) * kPerWord]);
      }
    }
    for (int column = 0; column < columns; ++column) {
      for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < 4; ++i) {
          const float* row = a[lane / 4 + 8 * (i / 2)];
          const float* other = b[column][2 * (lane % 4) + i % 2];
          float sum = 0;
          for (int k = 0; k < kDepth; ++k) sum += row[k] * other[k];
          out[lane][4 * (tile * columns + column) + i] =
              tfrnn::internal::BitCast<std::uint32_t>(sum);
        }
      }
    }
  }
}

template void Multiply<tfrnn::Half>(const Words (&)[32], Words (&)[32]);
template void Multiply<tfrnn::BFloat16>(const Words (&)[32], Words (&)[32]);
template void Multiply<float>(const Words (&)[32], Words (&)[32]);

}  // namespace emulator
