// The general loops with options on: no memory but their own is touched (under a sanitizer), no
// result is forgotten, and any number of threads gives the same bits. The values are compared with
// the reference from Python.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "tests/cpp/launch.h"

namespace tfrnn {
namespace {

struct Size {
  std::int64_t time, batch, input, units, projection;
};

struct Choice {
  const char* name;
  bool vectors, layer_norm, cell_states, dropout, mask, state_dropout;
  RnnOptions options;
};

Choice Chosen(const char* name) { return {name, false, false, false, false, false, false, {}}; }

// The options of a cell, alone and together.
std::vector<Choice> Choices() {
  std::vector<Choice> all;
  Choice c = Chosen("activations");
  c.options.activation = Activation::kGelu;
  c.options.recurrent_activation = Activation::kHardSigmoid;
  all.push_back(c);
  c = Chosen("random");
  c.options.training = true;
  c.options.recurrent_dropout = 0.3, c.options.zoneout = 0.2, c.options.cell_zoneout = 0.4;
  c.options.seed[0] = 7, c.dropout = c.mask = c.state_dropout = true;
  all.push_back(c);
  c = Chosen("layer norm");
  c.layer_norm = c.mask = true;
  all.push_back(c);
  c = all[1];
  c.name = "all of them";
  c.vectors = c.layer_norm = c.cell_states = true;
  c.options.layer_norm_carry = c.options.zero_output_for_mask = c.options.go_backwards = true;
  c.options.cell_clip = 0.8, c.options.projection_clip = 0.5;
  all.push_back(c);
  return all;
}

// Everything a call reads and writes.
template <template <typename> class CellT, typename T>
class Call {
  using Cell = CellT<float>;
  using Values = std::vector<T>;

 public:
  Call(const Size& size, const Choice& choice) : choice_(choice), random_(3) {
    const std::int64_t projection = Cell::kEmits ? size.projection : 0;
    shape_.time = size.time, shape_.batch = size.batch, shape_.input = size.input;
    shape_.units = size.units, shape_.projection = projection;
    options_ = choice.options;
    options_.general = true, options_.layer_norm = choice.layer_norm;
    const std::int64_t B = size.batch, U = size.units, H = shape_.Hidden();
    const std::int64_t G = Cell::kGates * U, steps = size.time * B;
    x_ = Random(steps * size.input), kernel_ = Random(size.input * G);
    recurrent_ = Random(Cell::kRecurrent ? H * G : 0), bias_ = Random(Cell::kBiases * G);
    h_ = Random(B * H), c_ = Random(B * U), dh_ = Random(B * H), dc_ = Random(B * U);
    vectors_ = Random(Cell::kVectors * U), norm_ = Random(2 * LayerNormWidth<Cell>(U));
    projection_ = Random(U * projection);
    drop_x_ = Random(Cell::kGates * B * size.input), drop_h_ = Random(Cell::kGates * B * H);
    drop_state_ = Random(steps * H);
    doutputs_ = Random(steps * H), dcells_ = Random(steps * U);
    for (std::int64_t i = 0; i < steps; ++i) mask_.push_back(i % 3 != 1);
  }

  // All results one after another.
  std::vector<T> Run(const cpu::Kernels<T>& kernels, const cpu::Pool& pool, bool in_place) const {
    const std::int64_t B = shape_.batch, U = shape_.units, H = shape_.Hidden();
    const std::int64_t G = Cell::kGates * U, steps = shape_.time * B;
    const bool has_vectors = Cell::kVectors > 0 && (choice_.vectors || !Cell::kRecurrent);
    const bool* const mask = choice_.mask ? reinterpret_cast<const bool*>(mask_.data()) : nullptr;
    Values outputs = Poison(steps * H), again = outputs, cells = Poison(steps * U);
    Values h = Poison(B * H), c = Poison(Cell::kStates > 1 ? B * U : 0), dh = h, dc = c;
    Values dx = Poison(x_.size()), dkernel = Poison(kernel_.size());
    Values drecurrent = Poison(recurrent_.size()), dprojection = Poison(projection_.size());
    Values dbias = Poison(choice_.layer_norm ? 0 : Cell::kBiases * G);
    Values dvectors = Poison(has_vectors ? vectors_.size() : 0);
    Values dnorm = Poison(choice_.layer_norm ? norm_.size() : 0);
    const bool returns = choice_.cell_states && Cell::kStates > 1;
    const Memory reserve(kernels.reserve_bytes(shape_, options_));
    const Memory other(kernels.reserve_bytes(shape_, options_));

    ForwardArgs<T> f;
    f.shape = shape_, f.options = options_, f.x = x_.data(), f.kernel = kernel_.data();
    f.recurrent_kernel = recurrent_.data(), f.bias = bias_.data(), f.mask = mask;
    f.initial[0] = h_.data(), f.initial[1] = c_.data();
    f.final[0] = h.data(), f.final[1] = c.data();
    f.vectors = has_vectors ? vectors_.data() : nullptr;
    f.layer_norm = choice_.layer_norm ? norm_.data() : nullptr;
    f.projection = shape_.projection > 0 ? projection_.data() : nullptr;
    f.input_dropout = choice_.dropout ? drop_x_.data() : nullptr;
    f.recurrent_dropout = choice_.dropout ? drop_h_.data() : nullptr;
    f.state_dropout = choice_.state_dropout ? drop_state_.data() : nullptr;
    f.outputs = again.data();
    Launch(f, pool, kernels.forward_workspace, kernels.forward);
    f.outputs = outputs.data(), f.reserve_space = reserve.data.get();
    if (returns) f.state_outputs[1] = cells.data();
    Launch(f, pool, kernels.forward_workspace, kernels.forward);
    EXPECT_EQ(0, std::memcmp(again.data(), outputs.data(), outputs.size() * sizeof(T)));

    BackwardArgs<T> b;
    b.shape = shape_, b.options = options_, b.recurrent_kernel = recurrent_.data();
    b.bias = bias_.data(), b.mask = mask, b.recurrent_dropout = f.recurrent_dropout;
    b.state_dropout = f.state_dropout, b.vectors = f.vectors, b.layer_norm = f.layer_norm,
    b.projection = f.projection;
    b.outputs = outputs.data(), b.doutputs = doutputs_.data();
    if (returns) b.dstate_outputs[1] = dcells_.data();
    b.initial[0] = h_.data(), b.initial[1] = c_.data();
    b.dfinal[0] = dh_.data(), b.dfinal[1] = dc_.data();
    b.dinitial[0] = dh.data(), b.dinitial[1] = dc.data();
    b.dvectors = dvectors.data(), b.dlayer_norm = dnorm.data();
    b.reserve_space = reserve.data.get();
    b.dgates = in_place ? reserve.data.get() : other.data.get();
    Launch(b, pool, kernels.backward_workspace, kernels.backward);

    InputGradientArgs<T> i;
    i.shape = shape_, i.options = options_, i.kernel = kernel_.data(), i.mask = mask;
    i.input_dropout = f.input_dropout, i.dgates = b.dgates, i.dx = dx.data();
    Launch(i, pool, kernels.input_gradient_workspace, kernels.input_gradient);

    WeightGradientArgs<T> w;
    w.shape = shape_, w.options = options_, w.x = x_.data(), w.initial_h = h_.data();
    w.mask = mask, w.input_dropout = f.input_dropout, w.recurrent_dropout = f.recurrent_dropout;
    w.state_dropout = f.state_dropout, w.outputs = outputs.data(), w.dgates = b.dgates,
    w.dkernel = dkernel.data();
    w.drecurrent_kernel = drecurrent.data();
    w.dbias = choice_.layer_norm ? nullptr : dbias.data();
    w.dprojection = shape_.projection > 0 ? dprojection.data() : nullptr;
    Launch(w, pool, kernels.weight_gradient_workspace, kernels.weight_gradient);

    Values all;
    if (!returns) cells.clear();
    for (const Values* part : {&outputs, &cells, &h, &c, &dh, &dc, &dx, &dkernel, &drecurrent,
                               &dbias, &dvectors, &dnorm, &dprojection}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }

 private:
  Values Random(std::int64_t count) {
    std::normal_distribution<float> normal(0, 0.5);
    Values values(static_cast<std::size_t>(count));
    for (T& v : values) Store(static_cast<ComputeType<T>>(normal(random_)), &v);
    return values;
  }
  static Values Poison(std::size_t count) {
    Values values(count);
    for (T& v : values) Store(static_cast<ComputeType<T>>(std::nan("")), &v);
    return values;
  }

  const Choice choice_;
  std::mt19937 random_;
  RnnShape shape_;
  RnnOptions options_;
  Values x_, kernel_, recurrent_, bias_, h_, c_, dh_, dc_, vectors_, norm_, projection_;
  Values drop_x_, drop_h_, drop_state_, doutputs_, dcells_;
  std::vector<char> mask_;
};

template <template <typename> class Cell, typename T>
void Check(const cpu::Kernels<T>& kernels) {
  const Size sizes[] = {{3, 2, 3, 1, 1}, {5, 7, 4, 33, 40}, {4, 8, 16, 64, 5}, {2, 3, 70, 19, 17}};
  for (const Size& size : sizes) {
    for (const Choice& choice : Choices()) {
      SCOPED_TRACE(std::string(choice.name) + ", units " + std::to_string(size.units));
      const Call<Cell, T> call(size, choice);
      const std::vector<T> one = call.Run(kernels, cpu::Pool(), true);
      for (const T& value : one) ASSERT_TRUE(std::isfinite(Load(value)));
      for (const int threads : {2, 5}) {
        const std::vector<T> more = call.Run(kernels, Threads(threads, true), false);
        EXPECT_EQ(0, std::memcmp(one.data(), more.data(), one.size() * sizeof(T)));
      }
    }
  }
}

template <template <typename> class Cell>
void CheckAll() {
  Check<Cell>(cpu::baseline::Table<Cell, double>());
#if defined(__x86_64__)
  if (cpu::IsaRuns(cpu::Isa::kAvx2)) Check<Cell>(cpu::avx2::Table<Cell, float>());
  if (cpu::IsaRuns(cpu::Isa::kAvx512)) {
    Check<Cell>(cpu::avx512::Table<Cell, float>());
    Check<Cell>(cpu::avx512::Table<Cell, BFloat16>());
  }
#endif
}

TEST(General, Lstm) { CheckAll<Lstm>(); }
TEST(General, Gru) { CheckAll<Gru>(); }
TEST(General, GruResetBefore) { CheckAll<GruResetBefore>(); }
TEST(General, SimpleRnn) { CheckAll<SimpleRnn>(); }
TEST(General, IndRnn) { CheckAll<IndRnn>(); }

}  // namespace
}  // namespace tfrnn
