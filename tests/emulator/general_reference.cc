#include "tests/emulator/general_reference.h"

#include <memory>
#include <new>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/cpu/general/backward.h"
#include "csrc/cpu/general/forward.h"
#include "csrc/cpu/input_gradient.h"
#include "csrc/cpu/weight_gradient.h"

namespace tfrnn::cuda {
namespace {

constexpr std::align_val_t kAlignment{64};

struct Free {
  void operator()(void* memory) const { ::operator delete(memory, kAlignment); }
};
std::unique_ptr<void, Free> Allocate(std::size_t bytes) {
  return std::unique_ptr<void, Free>(::operator new(bytes + 1, kAlignment));
}

template <typename Args>
void Launch(Args args, std::size_t (*workspace)(const Args&, const cpu::Pool&),
            void (*run)(const Args&, const cpu::Pool&)) {
  const auto memory = Allocate(workspace(args, {}));
  args.workspace = memory.get();
  run(args, {});
}

}  // namespace

template <template <typename> class Cell>
GeneralResults<double> RunGeneralReference(GeneralProblem<double> p) {
  using namespace cpu::baseline;
  p.options.general = true;
  if (p.options.shared_dropout) {  // the CPU has a mask for each gate
    const std::vector<double> one = p.recurrent_dropout;
    for (int g = 1; g < p.gates; ++g) {
      p.recurrent_dropout.insert(p.recurrent_dropout.end(), one.begin(), one.end());
    }
  }
  GeneralResults<double> r(p);
  if (p.shape.batch == 0) return r;
  const auto reserve = Allocate(GeneralReserve<Cell, double>(nullptr, p.shape, p.options).bytes);
  ForwardArgs<double> forward = ForwardOf(p, &r);
  forward.reserve_space = reserve.get();
  Launch(forward, GeneralForwardWorkspace<Cell, double>, GeneralForward<Cell, double>);
  BackwardArgs<double> backward = BackwardOf(p, &r);
  backward.reserve_space = backward.dgates = reserve.get();
  Launch(backward, GeneralBackwardWorkspace<Cell, double>, GeneralBackward<Cell, double>);
  if (p.indices.empty()) {
    InputGradientArgs<double> input = InputGradientOf(p, &r);
    input.dgates = reserve.get();
    Launch(input, InputGradientWorkspace<Cell, double>, InputGradient<Cell, double>);
  }
  WeightGradientArgs<double> weights = WeightGradientOf(p, &r);
  weights.dgates = reserve.get();
  Launch(weights, WeightGradientWorkspace<Cell, double>, WeightGradient<Cell, double>);
  return r;
}

template GeneralResults<double> RunGeneralReference<Lstm>(GeneralProblem<double>);
template GeneralResults<double> RunGeneralReference<Gru>(GeneralProblem<double>);
template GeneralResults<double> RunGeneralReference<GruResetBefore>(GeneralProblem<double>);
template GeneralResults<double> RunGeneralReference<SimpleRnn>(GeneralProblem<double>);
template GeneralResults<double> RunGeneralReference<IndRnn>(GeneralProblem<double>);

}  // namespace tfrnn::cuda
