// CudaLayer: one layer's passes over raw device pointers on the caller's stream, with the plan that
// the ops would choose. For tests and benchmarks.
#include "csrc/python/cuda_layer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/python/layer_options.h"
#include "csrc/python/names.h"
#include "cuda/cublas.h"
#include "cuda/launch.h"
#include "cuda/plan.h"
#include "cuda/query_device.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

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
  RnnOptions options;
  std::set<std::string> operands;            // of those that may be absent
  bool training = false;                     // what the gradient needs is kept
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
  static constexpr const char* kNames[] = {"inputs",
                                           "mask",
                                           "kernel",
                                           "recurrent_kernel",
                                           "bias",
                                           "outputs",
                                           "doutputs",
                                           "dinputs",
                                           "reserve_space",
                                           "workspace",
                                           "dkernel",
                                           "dbias",
                                           "initial_0",
                                           "initial_1",
                                           "final_0",
                                           "final_1",
                                           "dfinal_0",
                                           "dfinal_1",
                                           "dinitial_0",
                                           "dinitial_1",
                                           "drecurrent_kernel",
                                           "input_dropout",
                                           "recurrent_dropout",
                                           "state_dropout",
                                           "vectors",
                                           "layer_norm",
                                           "projection",
                                           "cell_states",
                                           "dcell_states",
                                           "dvectors",
                                           "dlayer_norm",
                                           "dprojection"};
  std::map<std::string, std::uintptr_t> pointers_[kMaxDirections];
};

template <template <typename> class Cell, typename T>
class CudaLayerOf : public CudaLayer {
  using Kernels = cuda::Layer<Cell, T>;
  static constexpr int kStates = Cell<float>::kStates;

 public:
  explicit CudaLayerOf(const Description& what) : CudaLayer(what) {}

  std::size_t reserve_bytes() const override {
    return Kernels::ReserveBytes(what_.shape, what_.options);
  }
  // Only what may be absent matters of the tensors, so that any address stands for those to come.
  std::size_t workspace_bytes() const override {
    T any;
    ForwardArgs<T> forward[kMaxDirections];
    BackwardArgs<T> backward[kMaxDirections];
    InputGradientArgs<T> input;
    WeightGradientArgs<T> weights;
    const auto one = [&](const char* name) { return Has(name) ? &any : nullptr; };
    for (int d = 0; d < what_.call.directions; ++d) {
      forward[d].shape = backward[d].shape = what_.shape;
      forward[d].options = backward[d].options = OptionsOf(d);
      forward[d].input_dropout = one("input_dropout");
      forward[d].recurrent_dropout = backward[d].recurrent_dropout = one("recurrent_dropout");
      backward[d].vectors = one("vectors");
      forward[d].reserve_space = what_.training ? &any : nullptr;
    }
    input.shape = weights.shape = what_.shape, input.options = weights.options = OptionsOf(0);
    input.input_dropout = weights.input_dropout = one("input_dropout");
    weights.recurrent_dropout = one("recurrent_dropout");
    const std::int32_t index = 0;
    if (Has("indices")) weights.indices = &index;
    const int directions = what_.call.directions;
    return std::max({Kernels::ForwardWorkspace(forward, directions, forward_.candidate.plan),
                     Kernels::BackwardWorkspace(backward, directions, backward_.candidate.plan),
                     Kernels::InputGradientWorkspace(input),
                     Kernels::WeightGradientWorkspace(weights)});
  }

  void Forward(cuda::Stream stream) override {
    ForwardArgs<T> args[kMaxDirections];
    for (int d = 0; d < what_.call.directions; ++d) {
      ForwardArgs<T>& a = args[d];
      a.shape = what_.shape, a.options = OptionsOf(d);
      a.x = Inputs(d), a.indices = Indices(d), a.kernel = Data("kernel", d);
      a.recurrent_kernel = Recurrent("recurrent_kernel", d);
      a.bias = static_cast<T*>(At("bias", d, false));
      a.mask = Mask(d);
      a.input_dropout = Any("input_dropout", d);
      a.recurrent_dropout = Any("recurrent_dropout", d);
      a.state_dropout = Any("state_dropout", d), a.vectors = Any("vectors", d);
      a.layer_norm = Any("layer_norm", d), a.projection = Projection("projection", d);
      a.outputs = Data("outputs", d), a.state_outputs[1] = Any("cell_states", d);
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
      a.recurrent_kernel = Recurrent("recurrent_kernel", d), a.mask = Mask(d);
      a.bias = static_cast<T*>(At("bias", d, false));
      a.recurrent_dropout = Any("recurrent_dropout", d);
      a.state_dropout = Any("state_dropout", d), a.vectors = Any("vectors", d);
      a.layer_norm = Any("layer_norm", d), a.projection = Projection("projection", d);
      a.outputs = Data("outputs", d), a.doutputs = Data("doutputs", d);
      if (Has("cell_states")) a.dstate_outputs[1] = Data("dcell_states", d);
      if (Has("vectors")) a.dvectors = Data("dvectors", d);
      if (Has("layer_norm")) a.dlayer_norm = Data("dlayer_norm", d);
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
  bool Has(const char* operand) const { return what_.operands.count(operand) > 0; }
  T* Any(const char* operand, int d) const { return Has(operand) ? Data(operand, d) : nullptr; }
  // Numbers of rows of the kernel take the place of rows.
  const T* Inputs(int d) const { return Has("indices") ? nullptr : Data("inputs", d); }
  const std::int32_t* Indices(int d) const {
    return Has("indices") ? static_cast<const std::int32_t*>(At("inputs", d)) : nullptr;
  }
  T* Projection(const char* name, int d) const {
    return what_.shape.projection > 0 ? Data(name, d) : nullptr;
  }
  T* Recurrent(const char* name, int d) const {
    return Cell<float>::kRecurrent ? Data(name, d) : nullptr;
  }
  // The second direction goes backwards.
  RnnOptions OptionsOf(int direction) const {
    RnnOptions options = what_.options;
    options.go_backwards = direction == 1;
    return options;
  }

  // The products after the recurrence.
  void Around(int d, cuda::Stream stream) {
    if (!Has("indices")) {
      InputGradientArgs<T> input;
      input.shape = what_.shape, input.options = OptionsOf(d);
      input.kernel = Data("kernel", d), input.mask = Mask(d), input.dgates = At("reserve_space", d);
      input.input_dropout = Any("input_dropout", d);
      input.dx = Data("dinputs", d), input.workspace = At("workspace", 0);
      Check(Kernels::InputGradient(input, options_, stream));
    }
    WeightGradientArgs<T> weights;
    weights.shape = what_.shape, weights.options = OptionsOf(d);
    weights.x = Inputs(d), weights.indices = Indices(d), weights.mask = Mask(d);
    weights.initial_h = static_cast<T*>(State("initial", 0, d));
    weights.outputs = Data("outputs", d), weights.dgates = At("reserve_space", d);
    weights.input_dropout = Any("input_dropout", d);
    weights.recurrent_dropout = Any("recurrent_dropout", d);
    weights.state_dropout = Any("state_dropout", d);
    weights.dkernel = Data("dkernel", d);
    weights.drecurrent_kernel = Recurrent("drecurrent_kernel", d);
    if (!what_.options.layer_norm) weights.dbias = static_cast<T*>(At("dbias", d, false));
    weights.dprojection = Projection("dprojection", d);
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

// Which kernels the call takes, from what it has.
void Describe(Description* what) {
  static constexpr const char* kOperands[] = {"indices",       "input_dropout", "recurrent_dropout",
                                              "state_dropout", "vectors",       "layer_norm",
                                              "cell_states"};
  for (const std::string& name : what->operands) {
    if (std::find(std::begin(kOperands), std::end(kOperands), name) == std::end(kOperands)) {
      throw py::value_error("operands: found " + name + ", expected indices, input_dropout, " +
                            "recurrent_dropout, state_dropout, vectors, layer_norm or cell_states");
    }
  }
  const auto has = [&](const char* name) { return what->operands.count(name) > 0; };
  what->options.layer_norm = has("layer_norm");
  cuda::Features& features = what->call.features;
  features = cuda::FeaturesOf(what->options);
  features.projection = what->shape.projection > 0;
  features.vectors = has("vectors"), features.cell_states = has("cell_states");
  features.state_dropout = has("state_dropout");
  features.per_gate_dropout = has("recurrent_dropout") && !what->options.shared_dropout;
  what->options.general = !cuda::GeneralReason(features).empty();
}

std::unique_ptr<CudaLayer> Make(const std::string& cell, const std::string& dtype,
                                std::int64_t time, std::int64_t batch, std::int64_t features,
                                std::int64_t units, int directions, bool training, bool tf32,
                                bool cublas, std::optional<std::string> override_text,
                                std::int64_t projection, std::set<std::string> operands,
                                bool shared_dropout, const py::dict& options) {
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
  what.shape.projection = projection;
  what.operands = std::move(operands);
  what.options = OptionsFrom(options), what.options.shared_dropout = shared_dropout;
  Describe(&what);
  switch (what.call.cell) {
    case cuda::Cell::kLstm:
      return OfType<Lstm>(what);
    case cuda::Cell::kGru:
      return OfType<Gru>(what);
    case cuda::Cell::kGruResetBefore:
      return OfType<GruResetBefore>(what);
    case cuda::Cell::kSimpleRnn:
      return OfType<SimpleRnn>(what);
    case cuda::Cell::kIndRnn:
      return OfType<IndRnn>(what);
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
                        "`projection`: the width of h, if that is not units. `operands`: which of "
                        "input_dropout, recurrent_dropout (with `shared_dropout` the same for all "
                        "gates), state_dropout, vectors, layer_norm and cell_states there will be, "
                        "or indices, int32 in place of inputs' rows. `options`: others, named as "
                        "in RnnOptions. Padding is zero by default. Never synchronises.")
      .def(py::init(&Make), py::arg("cell"), py::arg("dtype"), py::kw_only(), py::arg("time"),
           py::arg("batch"), py::arg("features"), py::arg("units"), py::arg("directions") = 1,
           py::arg("training") = false, py::arg("tf32") = false, py::arg("cublas") = true,
           py::arg("override") = py::none(), py::arg("projection") = 0,
           py::arg("operands") = std::set<std::string>(), py::arg("shared_dropout") = false,
           py::arg("options") = py::dict())
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
