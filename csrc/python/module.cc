// tfrnn_ops._core: the engine over NumPy arrays, without TensorFlow, so that kernels can be
// tested and timed by themselves; and what was built.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "csrc/bench/ceiling.h"
#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/core/segments.h"
#include "csrc/cpu/kernels.h"
#include "csrc/python/plan_module.h"
#if defined(TFRNN_WITH_CUDA)
#include "csrc/python/cuda_module.h"
#endif

namespace py = pybind11;

namespace tfrnn {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
using Mask = Array<bool>;

template <typename T>
struct CellEntry {
  const char* name;
  int states, gates, biases;
  const cpu::Kernels<T>* kernels;
};

template <template <typename> class Cell, typename T>
CellEntry<T> Entry(const char* name) {
  return {name, Cell<float>::kStates, Cell<float>::kGates, Cell<float>::kBiases,
          &cpu::GetKernels<Cell, T>()};
}

template <typename T>
std::vector<CellEntry<T>> Cells() {
  return {Entry<Lstm, T>("lstm"), Entry<Gru, T>("gru"),
          Entry<GruResetBefore, T>("gru_reset_before"), Entry<SimpleRnn, T>("simple_rnn")};
}

template <typename T>
CellEntry<T> FindCell(const std::string& name) {
  std::string known;
  for (const CellEntry<T>& cell : Cells<T>()) {
    if (name == cell.name) return cell;
    known += std::string(known.empty() ? "" : ", ") + cell.name;
  }
  throw py::value_error("cell must be one of " + known + ", found " + name);
}

template <typename T>
void CheckShape(const char* name, const Array<T>& array, std::vector<py::ssize_t> want) {
  const std::vector<py::ssize_t> found(array.shape(), array.shape() + array.ndim());
  if (found == want) return;
  throw py::value_error(std::string(name) + " must have shape " +
                        py::str(py::tuple(py::cast(want))).cast<std::string>() + ", found " +
                        py::str(py::tuple(py::cast(found))).cast<std::string>());
}

// Memory of the engine's alignment, kept alive by Python.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes)
      : bytes_(bytes), data_(::operator new(bytes + 1, std::align_val_t(cpu::kAlignment))) {}
  void* data() const { return data_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(cpu::kAlignment)); }
  };
  std::size_t bytes_;
  std::unique_ptr<void, Free> data_;
};

// Threads for one call: enough for tests and timing; the TensorFlow ops never use it.
cpu::Pool ThreadsFor(int threads) {
  cpu::Pool pool;
  if (threads < 2) return pool;
  pool.threads = threads;
  pool.run = [](void*, int count, void (*task)(void*, int), void* argument) {
    std::vector<std::thread> others;
    for (int i = 1; i < count; ++i) others.emplace_back(task, argument, i);
    task(argument, 0);
    for (std::thread& other : others) other.join();
  };
  pool.gather = [](void*, int most, int, void (*member)(void*, int, int), void* argument) {
    std::vector<std::thread> others;
    for (int i = 1; i < most; ++i) others.emplace_back(member, argument, i, most);
    member(argument, 0, most);
    for (std::thread& other : others) other.join();
  };
  return pool;
}

// Runs one engine call without the interpreter lock.
template <typename Args>
void Launch(Args args, const cpu::Pool& pool,
            std::size_t (*workspace)(const Args&, const cpu::Pool&),
            void (*run)(const Args&, const cpu::Pool&)) {
  py::gil_scoped_release release;
  const Buffer memory(workspace(args, pool));
  args.workspace = memory.data();
  run(args, pool);
}

// One layer over NumPy arrays, forward and backward.
template <typename T>
class Layer {
 public:
  Layer(const std::string& cell, Array<T> kernel, Array<T> recurrent_kernel,
        std::optional<Array<T>> bias, bool time_major, bool go_backwards, bool zero_output_for_mask,
        int threads)
      : cell_(FindCell<T>(cell)),
        kernel_(std::move(kernel)),
        recurrent_kernel_(std::move(recurrent_kernel)),
        bias_(std::move(bias)),
        pool_(ThreadsFor(threads)) {
    if (kernel_.ndim() != 2 || recurrent_kernel_.ndim() != 2) {
      throw py::value_error("kernel and recurrent_kernel must have rank 2");
    }
    shape_.input = kernel_.shape(0);
    shape_.units = recurrent_kernel_.shape(0);
    shape_.time_major = time_major;
    options_.go_backwards = go_backwards;
    options_.zero_output_for_mask = zero_output_for_mask;
    const py::ssize_t gates = cell_.gates * shape_.units;
    CheckShape("kernel", kernel_, {shape_.input, gates});
    CheckShape("recurrent_kernel", recurrent_kernel_, {shape_.units, gates});
    if (bias_) CheckShape("bias", *bias_, BiasShape());
  }

  // (outputs, final states, bytes kept for the gradient)
  py::tuple Forward(Array<T> x, std::vector<Array<T>> initial, std::optional<Mask> mask,
                    bool keep_reserve) {
    if (x.ndim() != 3) throw py::value_error("x must have rank 3");
    shape_.time = x.shape(shape_.time_major ? 0 : 1);
    shape_.batch = x.shape(shape_.time_major ? 1 : 0);
    CheckShape("x", x, RowsShape(shape_.input));
    if (mask) CheckShape("mask", *mask, RowsShape(-1));
    if (static_cast<int>(initial.size()) != cell_.states) {
      throw py::value_error("initial must hold " + std::to_string(cell_.states) + " states");
    }
    x_ = std::move(x), initial_ = std::move(initial), mask_ = std::move(mask);
    outputs_ = Array<T>(RowsShape(shape_.units));
    reserve_ =
        std::make_unique<Buffer>(keep_reserve ? cell_.kernels->reserve_bytes(shape_, options_) : 0);

    ForwardArgs<T> args;
    args.shape = shape_, args.options = options_;
    args.x = x_.data(), args.kernel = kernel_.data();
    args.recurrent_kernel = recurrent_kernel_.data();
    args.bias = bias_ ? bias_->data() : nullptr;
    args.mask = MaskData();
    args.outputs = outputs_.mutable_data();
    args.reserve_space = keep_reserve ? reserve_->data() : nullptr;
    py::list final;
    for (int s = 0; s < cell_.states; ++s) {
      CheckShape("initial", initial_[s], {shape_.batch, shape_.units});
      Array<T> state({shape_.batch, shape_.units});
      args.initial[s] = initial_[s].data();
      args.final[s] = state.mutable_data();
      final.append(state);
    }
    Launch(args, pool_, cell_.kernels->forward_workspace, cell_.kernels->forward);
    return py::make_tuple(outputs_, final, reserve_->bytes());
  }

  // Gradients of the last Forward, once: it consumes what was kept.
  py::dict Backward(Array<T> doutputs, std::vector<Array<T>> dfinal) {
    if (!reserve_ || reserve_->bytes() != cell_.kernels->reserve_bytes(shape_, options_)) {
      throw std::runtime_error("backward needs a forward with keep_reserve=True before it");
    }
    CheckShape("doutputs", doutputs, RowsShape(shape_.units));
    if (static_cast<int>(dfinal.size()) != cell_.states) {
      throw py::value_error("dfinal must hold " + std::to_string(cell_.states) + " states");
    }
    const std::unique_ptr<Buffer> panels = std::move(reserve_);
    BackwardArgs<T> args;
    args.shape = shape_, args.options = options_;
    args.recurrent_kernel = recurrent_kernel_.data();
    args.mask = MaskData();
    args.outputs = outputs_.data(), args.doutputs = doutputs.data();
    args.reserve_space = panels->data(), args.dgates = panels->data();
    py::list dinitial;
    for (int s = 0; s < cell_.states; ++s) {
      CheckShape("dfinal", dfinal[s], {shape_.batch, shape_.units});
      Array<T> state({shape_.batch, shape_.units});
      args.initial[s] = initial_[s].data();
      args.dfinal[s] = dfinal[s].data();
      args.dinitial[s] = state.mutable_data();
      dinitial.append(state);
    }
    Launch(args, pool_, cell_.kernels->backward_workspace, cell_.kernels->backward);

    Array<T> dx(RowsShape(shape_.input));
    InputGradientArgs<T> input;
    input.shape = shape_, input.options = options_;
    input.kernel = kernel_.data(), input.mask = MaskData(), input.dgates = panels->data();
    input.dx = dx.mutable_data();
    Launch(input, pool_, cell_.kernels->input_gradient_workspace, cell_.kernels->input_gradient);

    const py::ssize_t gates = cell_.gates * shape_.units;
    Array<T> dkernel({shape_.input, static_cast<std::int64_t>(gates)});
    Array<T> drecurrent({shape_.units, static_cast<std::int64_t>(gates)});
    Array<T> dbias(BiasShape());
    WeightGradientArgs<T> weights;
    weights.shape = shape_, weights.options = options_;
    weights.x = x_.data(), weights.initial_h = initial_[0].data(), weights.mask = MaskData();
    weights.outputs = outputs_.data(), weights.dgates = panels->data();
    weights.dkernel = dkernel.mutable_data();
    weights.drecurrent_kernel = drecurrent.mutable_data();
    weights.dbias = bias_ ? dbias.mutable_data() : nullptr;
    Launch(weights, pool_, cell_.kernels->weight_gradient_workspace,
           cell_.kernels->weight_gradient);

    py::dict gradients;
    gradients["x"] = dx, gradients["initial"] = dinitial, gradients["kernel"] = dkernel;
    gradients["recurrent_kernel"] = drecurrent;
    if (bias_) gradients["bias"] = dbias;
    return gradients;
  }

 private:
  std::vector<py::ssize_t> RowsShape(py::ssize_t width) const {
    std::vector<py::ssize_t> shape = {shape_.batch, shape_.time};
    if (shape_.time_major) shape = {shape_.time, shape_.batch};
    if (width >= 0) shape.push_back(width);
    return shape;
  }
  std::vector<py::ssize_t> BiasShape() const {
    const py::ssize_t gates = cell_.gates * shape_.units;
    if (cell_.biases == 1) return {gates};
    return {cell_.biases, gates};
  }
  const bool* MaskData() const { return mask_ ? mask_->data() : nullptr; }

  CellEntry<T> cell_;
  Array<T> kernel_, recurrent_kernel_;
  std::optional<Array<T>> bias_;
  cpu::Pool pool_;
  RnnShape shape_;
  RnnOptions options_;
  Array<T> x_, outputs_;
  std::vector<Array<T>> initial_;
  std::optional<Mask> mask_;
  std::unique_ptr<Buffer> reserve_;
};

// What the op keeps for the gradient, in bytes.
template <typename T>
std::int64_t ReserveBytes(const std::string& cell, const RnnShape& shape, const RnnOptions& options,
                          std::int64_t recompute) {
  const CellEntry<T> indrnn = Entry<IndRnn, T>("ind_rnn");
  const CellEntry<T> entry = cell == indrnn.name ? indrnn : FindCell<T>(cell);
  if (recompute > 0) return Segments<T>(shape, entry.states, recompute).bytes();
  return static_cast<std::int64_t>(entry.kernels->reserve_bytes(shape, options));
}

std::int64_t ReserveBytesOf(const std::string& cell, const std::string& dtype, std::int64_t batch,
                            std::int64_t time, std::int64_t units, std::int64_t projection,
                            bool layer_norm, bool general, std::int64_t recompute) {
  RnnShape shape;
  shape.batch = batch, shape.time = time, shape.units = units, shape.projection = projection;
  RnnOptions options;
  options.layer_norm = layer_norm, options.general = general;
  if (dtype == "float32") return ReserveBytes<float>(cell, shape, options, recompute);
  if (dtype == "float64") return ReserveBytes<double>(cell, shape, options, recompute);
  if (dtype == "float16") return ReserveBytes<Half>(cell, shape, options, recompute);
  if (dtype == "bfloat16") return ReserveBytes<BFloat16>(cell, shape, options, recompute);
  throw py::value_error("dtype must be one of float16, bfloat16, float32, float64, found " + dtype);
}

template <typename T>
void BindLayer(py::module_& m, const char* name) {
  py::class_<Layer<T>>(m, name,
                       "One fused layer over NumPy arrays on the CPU; shapes as in the ops.")
      .def(py::init<const std::string&, Array<T>, Array<T>, std::optional<Array<T>>, bool, bool,
                    bool, int>(),
           py::arg("cell"), py::arg("kernel"), py::arg("recurrent_kernel"),
           py::arg("bias") = py::none(), py::kw_only(), py::arg("time_major") = false,
           py::arg("go_backwards") = false, py::arg("zero_output_for_mask") = false,
           py::arg("threads") = 1)
      .def("forward", &Layer<T>::Forward, py::arg("x"), py::arg("initial"),
           py::arg("mask") = py::none(), py::arg("keep_reserve") = false,
           "Returns (outputs, final states, bytes kept for backward).")
      .def("backward", &Layer<T>::Backward, py::arg("doutputs"), py::arg("dfinal"),
           "Gradients of the last forward, which must have kept its reserve; once.");
}

}  // namespace
}  // namespace tfrnn

PYBIND11_MODULE(_core, m) {
  m.doc() = "Kernels without TensorFlow: for tests, benchmarks and questions about the build.";
#if defined(TFRNN_WITH_CUDA)
  m.attr("built_with_cuda") = true;
  tfrnn::BindCuda(m);
#else
  m.attr("built_with_cuda") = false;
#endif
  tfrnn::BindPlan(m);
  m.def(
      "isa",
      [] {
        if (*tfrnn::cpu::IsaError() != '\0') throw std::invalid_argument(tfrnn::cpu::IsaError());
        return tfrnn::cpu::IsaName(tfrnn::cpu::ActiveIsa());
      },
      "The instruction set in use: baseline, avx2, avx512 or avx512_bf16.");
  m.def(
      "isas",
      [] {
        using tfrnn::cpu::Isa;
        std::vector<std::string> names;
        for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16}) {
          if (tfrnn::cpu::IsaRuns(isa)) names.emplace_back(tfrnn::cpu::IsaName(isa));
        }
        return names;
      },
      "Those that TFRNN_ISA may name on this machine.");
  m.def("reserve_bytes", &tfrnn::ReserveBytesOf, py::arg("cell"), py::arg("dtype"), py::kw_only(),
        py::arg("batch"), py::arg("time"), py::arg("units"), py::arg("projection") = 0,
        py::arg("layer_norm") = false, py::arg("general") = false, py::arg("recompute") = 0,
        "Bytes that the CPU op keeps for its gradient; `general` with an option that is on.");
  m.def("cells", [] {
    std::vector<std::string> names;
    for (const auto& cell : tfrnn::Cells<float>()) names.emplace_back(cell.name);
    return names;
  });
  m.def("fma_gflops", &tfrnn::bench::FmaGflops, py::arg("seconds"), py::arg("threads"),
        py::call_guard<py::gil_scoped_release>(),
        "float32 multiply-adds in registers, GFLOP/s of all threads, with the instruction set "
        "in use.");
  m.def("read_gbytes", &tfrnn::bench::ReadGbytes, py::arg("bytes"), py::arg("seconds"),
        py::arg("threads"), py::call_guard<py::gil_scoped_release>(),
        "GB/s of all threads, each reading `bytes` bytes of its own again and again.");
  tfrnn::BindLayer<float>(m, "Layer32");
  tfrnn::BindLayer<double>(m, "Layer64");
}
