// CudaLayer: one layer's passes over raw device pointers on the caller's stream, with the plan that
// the ops would choose. For tests and benchmarks.
#include "csrc/python/cuda_layer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/python/names.h"
#include "cuda/cublas.h"
#include "cuda/launch.h"
#include "cuda/plan.h"
#include "cuda/query_device.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

constexpr int kMaxDirections = 2;

void Check(const std::string& error) {
  if (!error.empty()) throw std::runtime_error(error);
}

const cuda::Device& CurrentGpu() {
  const cuda::Device* device = nullptr;
  Check(cuda::CurrentGpu(&device));
  return *device;
}

struct Description {
  cuda::Call call;
  RnnShape shape;
  bool training = false;
  bool cublas = true;                        // for the products over all steps; else our own
  std::optional<std::string> override_text;  // instead of the environment's
};

// The plan of a pass, in force for the life of the layer.
cuda::Choice PlanOf(const Description& what, cuda::Pass pass) {
  cuda::Call call = what.call;
  call.pass = pass;
  const cuda::Device& device = CurrentGpu();
  cuda::Choice choice =
      what.override_text
          ? cuda::MakePlan(call, device, cuda::ConstantsFor(device.arch), *what.override_text)
          : cuda::MakePlan(call, device);
  if (!choice.error.empty()) throw py::value_error(choice.error);
  return choice;
}

class CudaLayer {
 public:
  virtual ~CudaLayer() = default;
  virtual std::size_t reserve_bytes() const = 0;
  virtual std::size_t workspace_bytes() const = 0;
  virtual void Forward(cuda::Stream stream) = 0;
  virtual void Backward(cuda::Stream stream) = 0;

  void Set(const std::string& name, int direction, std::uintptr_t pointer) {
    if (direction < 0 || direction >= what_.call.directions) {
      throw py::value_error("direction must be from 0 to " +
                            std::to_string(what_.call.directions - 1) + ", found " +
                            std::to_string(direction));
    }
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
      throw py::value_error("name: found " + name + ", which is none of the layer's tensors");
    }
    pointers_[direction][name] = pointer;
  }

  const std::string& forward_reason() const { return forward_.reason; }
  const std::string& backward_reason() const { return backward_.reason; }

 protected:
  explicit CudaLayer(const Description& what)
      : what_(what),
        forward_(PlanOf(what, cuda::Pass::kForward)),
        backward_(PlanOf(what, cuda::Pass::kBackward)) {
    options_.exact = !what.call.tf32;
    if (what.cublas) Check(cuda::FindCublas(&options_.blas));
  }

  // The tensor's address; null if it has none and may be absent.
  void* At(const std::string& name, int direction, bool required = true) const {
    const auto& pointers = pointers_[direction];
    const auto found = pointers.find(name);
    if (found != pointers.end()) return reinterpret_cast<void*>(found->second);
    if (!required) return nullptr;
    throw py::value_error("direction " + std::to_string(direction) + " has no " + name);
  }
  void* State(const char* name, int state, int direction) const {
    return At(name + ("_" + std::to_string(state)), direction);
  }

  const Description what_;
  const cuda::Choice forward_, backward_;
  cuda::CallOptions options_;

 private:
  static constexpr const char* kNames[] = {
      "inputs",     "mask",       "kernel",           "recurrent_kernel", "bias",     "outputs",
      "doutputs",   "dinputs",    "reserve_space",    "workspace",        "dkernel",  "dbias",
      "initial_0",  "initial_1",  "final_0",          "final_1",          "dfinal_0", "dfinal_1",
      "dinitial_0", "dinitial_1", "drecurrent_kernel"};
  std::map<std::string, std::uintptr_t> pointers_[kMaxDirections];
};

template <template <typename> class Cell, typename T>
class CudaLayerOf : public CudaLayer {
  using Kernels = cuda::Layer<Cell, T>;
  static constexpr int kStates = Cell<float>::kStates;

 public:
  explicit CudaLayerOf(const Description& what) : CudaLayer(what) {}

  std::size_t reserve_bytes() const override {
    return Kernels::ReserveBytes(what_.shape, options_);
  }
  std::size_t workspace_bytes() const override {
    const int directions = what_.call.directions;
    return std::max({Kernels::ForwardWorkspace(what_.shape, directions, forward_.candidate.plan,
                                               what_.training),
                     Kernels::BackwardWorkspace(what_.shape, directions, backward_.candidate.plan),
                     Kernels::WeightGradientWorkspace(what_.shape)});
  }

  void Forward(cuda::Stream stream) override {
    ForwardArgs<T> args[kMaxDirections];
    for (int d = 0; d < what_.call.directions; ++d) {
      ForwardArgs<T>& a = args[d];
      a.shape = what_.shape, a.options = OptionsOf(d);
      a.x = Data("inputs", d), a.kernel = Data("kernel", d);
      a.recurrent_kernel = Data("recurrent_kernel", d);
      a.bias = static_cast<T*>(At("bias", d, false));
      a.mask = Mask(d);
      a.outputs = Data("outputs", d);
      a.reserve_space = what_.training ? At("reserve_space", d) : nullptr;
      for (int s = 0; s < kStates; ++s) {
        a.initial[s] = static_cast<T*>(State("initial", s, d));
        a.final[s] = static_cast<T*>(State("final", s, d));
      }
    }
    args[0].workspace = At("workspace", 0);
    Check(Kernels::Forward(args, what_.call.directions, options_, forward_.candidate.plan, stream));
  }

  void Backward(cuda::Stream stream) override {
    BackwardArgs<T> args[kMaxDirections];
    for (int d = 0; d < what_.call.directions; ++d) {
      BackwardArgs<T>& a = args[d];
      a.shape = what_.shape, a.options = OptionsOf(d);
      a.recurrent_kernel = Data("recurrent_kernel", d), a.mask = Mask(d);
      a.outputs = Data("outputs", d), a.doutputs = Data("doutputs", d);
      a.reserve_space = At("reserve_space", d), a.dgates = At("reserve_space", d);
      for (int s = 0; s < kStates; ++s) {
        a.initial[s] = static_cast<T*>(State("initial", s, d));
        a.dfinal[s] = static_cast<T*>(State("dfinal", s, d));
        a.dinitial[s] = static_cast<T*>(State("dinitial", s, d));
      }
    }
    args[0].workspace = At("workspace", 0);
    Check(
        Kernels::Backward(args, what_.call.directions, options_, backward_.candidate.plan, stream));
    for (int d = 0; d < what_.call.directions; ++d) Around(d, stream);
  }

 private:
  T* Data(const char* name, int direction) const { return static_cast<T*>(At(name, direction)); }
  const bool* Mask(int direction) const {
    return static_cast<const bool*>(At("mask", direction, false));
  }
  // The second direction goes backwards; padding is zero, as in PyTorch.
  static RnnOptions OptionsOf(int direction) {
    RnnOptions options;
    options.go_backwards = direction == 1;
    options.zero_output_for_mask = true;
    return options;
  }

  // The products after the recurrence.
  void Around(int d, cuda::Stream stream) {
    InputGradientArgs<T> input;
    input.shape = what_.shape, input.options = OptionsOf(d);
    input.kernel = Data("kernel", d), input.mask = Mask(d), input.dgates = At("reserve_space", d);
    input.dx = Data("dinputs", d), input.workspace = At("workspace", 0);
    Check(Kernels::InputGradient(input, options_, stream));
    WeightGradientArgs<T> weights;
    weights.shape = what_.shape, weights.options = OptionsOf(d);
    weights.x = Data("inputs", d), weights.mask = Mask(d);
    weights.initial_h = static_cast<T*>(State("initial", 0, d));
    weights.outputs = Data("outputs", d), weights.dgates = At("reserve_space", d);
    weights.dkernel = Data("dkernel", d), weights.drecurrent_kernel = Data("drecurrent_kernel", d);
    weights.dbias = static_cast<T*>(At("dbias", d, false));
    weights.workspace = At("workspace", 0);
    Check(Kernels::WeightGradient(weights, options_, stream));
  }
};

template <template <typename> class Cell>
std::unique_ptr<CudaLayer> OfType(const Description& what) {
  switch (what.call.dtype) {
    case cuda::Element::kFloat16:
      return std::make_unique<CudaLayerOf<Cell, Half>>(what);
    case cuda::Element::kBFloat16:
      return std::make_unique<CudaLayerOf<Cell, BFloat16>>(what);
    case cuda::Element::kFloat32:
      return std::make_unique<CudaLayerOf<Cell, float>>(what);
    case cuda::Element::kFloat64:
      return std::make_unique<CudaLayerOf<Cell, double>>(what);
  }
  return nullptr;
}

std::unique_ptr<CudaLayer> Make(const std::string& cell, const std::string& dtype,
                                std::int64_t time, std::int64_t batch, std::int64_t features,
                                std::int64_t units, int directions, bool training, bool tf32,
                                bool cublas, std::optional<std::string> override_text) {
  if (directions < 1 || directions > kMaxDirections) {
    throw py::value_error("directions must be 1 or 2, found " + std::to_string(directions));
  }
  Description what;
  what.call.batch = batch, what.call.units = units, what.call.directions = directions;
  what.call.cell = CellNamed(cell), what.call.dtype = ElementNamed(dtype);
  what.call.tf32 = tf32, what.training = training;
  what.cublas = cublas, what.override_text = std::move(override_text);
  what.shape.time = time, what.shape.batch = batch, what.shape.input = features;
  what.shape.units = units, what.shape.time_major = true;
  switch (what.call.cell) {
    case cuda::Cell::kLstm:
      return OfType<Lstm>(what);
    case cuda::Cell::kGru:
      return OfType<Gru>(what);
    case cuda::Cell::kGruResetBefore:
      return OfType<GruResetBefore>(what);
    case cuda::Cell::kSimpleRnn:
      return OfType<SimpleRnn>(what);
  }
  return nullptr;
}

cuda::Stream StreamOf(std::uintptr_t stream) { return reinterpret_cast<cuda::Stream>(stream); }

}  // namespace

void BindCudaLayer(py::module_& m) {
  py::class_<CudaLayer>(m, "CudaLayer",
                        "A layer over time-major device tensors, given as addresses. `cublas`: the "
                        "products over all steps by the cuBLAS that somebody has loaded, not by "
                        "our own kernel. `override`: instead of the environment's TFRNN_GPU_PLAN. "
                        "Never synchronises.")
      .def(py::init(&Make), py::arg("cell"), py::arg("dtype"), py::kw_only(), py::arg("time"),
           py::arg("batch"), py::arg("features"), py::arg("units"), py::arg("directions") = 1,
           py::arg("training") = false, py::arg("tf32") = false, py::arg("cublas") = true,
           py::arg("override") = py::none())
      .def_property_readonly("reserve_bytes", &CudaLayer::reserve_bytes, "of each direction")
      .def_property_readonly("workspace_bytes", &CudaLayer::workspace_bytes, "of all together")
      .def_property_readonly("forward_reason", &CudaLayer::forward_reason)
      .def_property_readonly("backward_reason", &CudaLayer::backward_reason)
      .def("set", &CudaLayer::Set, py::arg("name"), py::arg("direction"), py::arg("pointer"),
           "Says where a tensor lies. The workspace is direction 0's; bias and mask may be absent. "
           "Direction 1 goes backwards, its outputs and doutputs are in the order of its steps.")
      .def(
          "forward", [](CudaLayer& layer, std::uintptr_t s) { layer.Forward(StreamOf(s)); },
          py::arg("stream"))
      .def(
          "backward", [](CudaLayer& layer, std::uintptr_t s) { layer.Backward(StreamOf(s)); },
          py::arg("stream"), "All gradients, after a forward of a layer made for training; once.");
}

}  // namespace tfrnn
