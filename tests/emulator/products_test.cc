// The plain kernel behind Blas, and the sums over rows, against loops in float64.
#include "cuda/products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/emulator/device_memory.h"
#include "tests/emulator/plain_gemm.h"
#include "tests/emulator/tolerance.h"

namespace tfrnn::cuda {
namespace {

template <typename T>
std::vector<T> Random(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) Store(normal(random), &v);
  return values;
}

template <typename T, typename Out>
void CheckGemm(std::int64_t m, std::int64_t n, std::int64_t k, int layout, bool exact = true) {
  Gemm g;
  g.m = m, g.n = n, g.k = k, g.input = ElementOf<T>(), g.output = ElementOf<Out>();
  g.a.transposed = layout & 1, g.b.transposed = layout & 2, g.accumulate = layout & 4;
  g.exact = exact;
  g.a.stride = (g.a.transposed ? m : k) + 3, g.b.stride = (g.b.transposed ? k : n) + 2;
  g.c_stride = n + 1;
  const auto a = Random<T>((g.a.transposed ? k : m) * g.a.stride, 1);
  const auto b = Random<T>((g.b.transposed ? n : k) * g.b.stride, 2);
  const auto c = Random<Out>(m * g.c_stride, 3);
  const DeviceArray<T> device_a(a), device_b(b);
  const DeviceArray<Out> device_c(c);
  g.a.data = device_a.get(), g.b.data = device_b.get(), g.c = device_c.get();
  ASSERT_EQ(RunGemm<T>(g, Blas(), nullptr), "");
  const std::vector<Out> got = device_c.Read();

  std::vector<Out> want = c;
  g.a.data = a.data(), g.b.data = b.data(), g.c = want.data();
  ASSERT_EQ(RunPlainGemm(Blas(), g, nullptr), "");
  for (std::size_t i = 0; i < want.size(); ++i) {  // what lies between the rows stays, too
    EXPECT_NEAR(Load(got[i]), Load(want[i]),
                Tolerance<Out>(true) * (1 + std::sqrt(static_cast<double>(k))) +
                    (exact ? 0 : Tolerance<T>(false) * std::sqrt(static_cast<double>(k))))
        << i / g.c_stride << ", " << i % g.c_stride;
  }
}

TEST(GemmTest, AnyShapeAndLayout) {
  for (int layout = 0; layout < 8; ++layout) {
    CheckGemm<BFloat16, float>(5, 67, 33, layout);
    CheckGemm<Half, Half>(65, 9, 64, layout);
    CheckGemm<float, float>(17, 70, 21, layout);
    CheckGemm<double, double>(18, 5, 19, layout);
  }
  CheckGemm<BFloat16, BFloat16>(1, 1, 1, 0);
  CheckGemm<float, float>(3, 4, 0, 0);
  CheckGemm<Half, float>(0, 4, 3, 0);
}

TEST(GemmTest, RoundsToTf32WhenAllowed) { CheckGemm<float, float>(20, 20, 40, 0, false); }

TEST(ColumnSumsTest, AnyNumberOfRows) {
  for (const std::int64_t rows : {0, 1, 15, 100, 1100}) {
    const std::int64_t columns = 37, stride = 40;
    const auto data = Random<double>(rows * stride, 4);
    const DeviceArray<double> device(data);
    const DeviceArray<double> partial(kSumChunks * columns), sums(columns);
    ASSERT_EQ(
        RunColumnSums(device.get(), rows, columns, stride, partial.get(), sums.get(), nullptr), "");
    const std::vector<double> got = sums.Read();
    for (std::int64_t j = 0; j < columns; ++j) {
      double want = 0;
      for (std::int64_t i = 0; i < rows; ++i) want += data[i * stride + j];
      EXPECT_NEAR(got[j], want, 1e-11);
    }
  }
}

struct IndexedSizes {
  std::int64_t rows, count, width;
};

// Of `count` rows, of which some numbers name none and the last is never named.
std::vector<std::int32_t> RandomNumbers(const IndexedSizes& s) {
  std::mt19937 random(5);
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(s.rows));
  for (std::int32_t& n : numbers) {
    n = static_cast<std::int32_t>(random() % (s.count + 1)) - 1;
    if (n == s.count - 1) n = random() % 2 ? INT32_MAX : INT32_MIN;
  }
  return numbers;
}

template <typename T>
void CheckIndexed(const IndexedSizes& s) {
  const std::int64_t stride = s.width + 3;
  const std::vector<std::int32_t> numbers = RandomNumbers(s);
  const DeviceArray<std::int32_t> device_numbers(numbers);
  const IndexedRows x{device_numbers.get(), s.rows, s.count};

  const auto table = Random<T>(s.count * s.width, 6), before = Random<T>(s.rows * stride, 7);
  const DeviceArray<T> from(table), to(before);
  ASSERT_EQ(RunGather(x, from.get(), s.width, to.get(), stride, nullptr), "");
  const std::vector<T> gathered = to.Read();
  for (std::int64_t row = 0; row < s.rows; ++row) {
    const std::int32_t n = numbers[row];
    for (std::int64_t j = 0; j < stride; ++j) {  // what lies between the rows stays
      T want = before[row * stride + j];
      if (j < s.width) want = n >= 0 && n < s.count ? table[n * s.width + j] : T{};
      ASSERT_EQ(Load(gathered[row * stride + j]), Load(want)) << row << ", " << j;
    }
  }

  const DeviceArray<std::int32_t> starts(s.count + 1), rows(s.rows);
  const RowLists lists{starts.get(), rows.get()};
  ASSERT_EQ(RunListRows(x, lists, nullptr), "");
  const DeviceArray<T> data(before), sums(Random<T>(s.count * stride, 8));
  ASSERT_EQ(RunListedSums(x, lists, data.get(), stride, s.width, sums.get(), stride, nullptr), "");
  const std::vector<T> got = sums.Read();
  std::vector<double> want(s.count * s.width);
  for (std::int64_t row = 0; row < s.rows; ++row) {
    const std::int32_t n = numbers[row];
    for (std::int64_t j = 0; n >= 0 && n < s.count && j < s.width; ++j) {
      want[n * s.width + j] += Load(before[row * stride + j]);
    }
  }
  for (std::int64_t n = 0; n < s.count; ++n) {
    for (std::int64_t j = 0; j < s.width; ++j) {
      const double value = want[n * s.width + j], terms = static_cast<double>(s.rows);
      ASSERT_LE(std::abs(Load(got[n * stride + j]) - value),
                Tolerance<T>(true) * (1 + std::abs(value) + std::sqrt(terms)))
          << n << ", " << j;
    }
  }
}

// Lists that are short, long and of more than a tile; numbers and columns of more than a block.
TEST(IndexedTest, AnySizes) {
  for (const IndexedSizes& s : {IndexedSizes{40, 300, 33}, {2100, 3, 70}, {3, 2, 300}, {0, 4, 5}}) {
    CheckIndexed<double>(s);
    CheckIndexed<float>(s);
    CheckIndexed<Half>(s);
    CheckIndexed<BFloat16>(s);
  }
}

TEST(IndexedTest, MoreThanCanBeCounted) {
  const IndexedRows x{nullptr, std::int64_t{1} << 31, 4};
  EXPECT_NE(RunListRows(x, {}, nullptr).find("x names 2147483648 rows"), std::string::npos);
  EXPECT_NE(RunGather<float>(x, nullptr, 4, nullptr, 4, nullptr), "");
}

}  // namespace
}  // namespace tfrnn::cuda
