// The CUDA half of tfrnn_ops._core: raw launchers over any device array that speaks
// __cuda_array_interface__ (PyTorch, CuPy, Numba), on the caller's stream.
#include "csrc/python/cuda_module.h"

#include <cuda_runtime_api.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "csrc/cells/gru.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "cuda/launch.h"
#include "cuda/query_device.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

void Check(const std::string& error) {
  if (!error.empty()) throw std::runtime_error(error);
}
void Check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) Check(std::string(what) + ": " + cudaGetErrorString(error));
}

// The device pointer of a dense array, after checking its element type and shape.
void* Pointer(const char* name, const py::object& array, const std::string& type,
              const std::vector<std::int64_t>& want) {
  const py::dict info = array.attr("__cuda_array_interface__");
  const auto found_type = info["typestr"].cast<std::string>();
  const auto found = info["shape"].cast<std::vector<std::int64_t>>();
  const bool dense = !info.contains("strides") || info["strides"].is_none();
  if (found_type == type && found == want && dense) {
    return reinterpret_cast<void*>(info["data"].cast<py::tuple>()[0].cast<std::uintptr_t>());
  }
  throw py::value_error(std::string(name) + " must be dense, of type " + type + " and shape " +
                        py::str(py::cast(want)).cast<std::string>() + ", found " +
                        (dense ? "" : "strided ") + found_type + " " +
                        py::str(py::cast(found)).cast<std::string>());
}

template <template <typename> class Cell, typename T>
void Forward(const std::string& type, const py::object& x, const std::vector<py::object>& initial,
             const py::object& kernel, const py::object& recurrent_kernel, const py::object& bias,
             const py::object& mask, const py::object& outputs,
             const std::vector<py::object>& final, const py::object& workspace, bool time_major,
             bool go_backwards, bool zero_output_for_mask, std::uintptr_t stream) {
  using Scalar = Cell<float>;
  const auto shape_of = [](const py::object& array) {
    return array.attr("__cuda_array_interface__")["shape"].cast<std::vector<std::int64_t>>();
  };
  const auto rows = shape_of(x);
  const auto recurrent = shape_of(recurrent_kernel);
  if (rows.size() != 3 || recurrent.size() != 2) {
    throw py::value_error("x must have rank 3 and recurrent_kernel rank 2");
  }
  if (initial.size() != Scalar::kStates || final.size() != Scalar::kStates) {
    throw py::value_error("initial and final must hold " + std::to_string(Scalar::kStates) +
                          " states");
  }
  ForwardArgs<T> args;
  RnnShape& s = args.shape;
  s.time = rows[time_major ? 0 : 1], s.batch = rows[time_major ? 1 : 0];
  s.input = rows[2], s.units = recurrent[0], s.time_major = time_major;
  args.options.go_backwards = go_backwards;
  args.options.zero_output_for_mask = zero_output_for_mask;
  const std::int64_t gates = Scalar::kGates * s.units;
  const auto data = [&type](const char* name, const py::object& array,
                            const std::vector<std::int64_t>& want) {
    return static_cast<T*>(Pointer(name, array, type, want));
  };
  args.x = data("x", x, rows);
  args.kernel = data("kernel", kernel, {s.input, gates});
  args.recurrent_kernel = data("recurrent_kernel", recurrent_kernel, {s.units, gates});
  if (!bias.is_none()) {
    args.bias = Scalar::kBiases == 1 ? data("bias", bias, {gates})
                                     : data("bias", bias, {Scalar::kBiases, gates});
  }
  if (!mask.is_none()) {
    args.mask = static_cast<const bool*>(Pointer("mask", mask, "|b1", {rows[0], rows[1]}));
  }
  args.outputs = data("outputs", outputs, {rows[0], rows[1], s.units});
  for (int i = 0; i < Scalar::kStates; ++i) {
    args.initial[i] = data("initial", initial[i], {s.batch, s.units});
    args.final[i] = data("final", final[i], {s.batch, s.units});
  }
  const cuda::Plan plan;
  const std::size_t bytes = cuda::Layer<Cell, T>::ForwardWorkspace(s, 1, plan, false);
  args.workspace = Pointer("workspace", workspace, "|u1", {static_cast<std::int64_t>(bytes)});
  Check(cuda::Layer<Cell, T>::Forward(&args, 1, cuda::CallOptions(), plan,
                                      reinterpret_cast<cuda::Stream>(stream)));
}

template <template <typename> class Cell>
void Bind(py::module_& m, const char* name) {
  m.def(
      name,
      [](const py::object& x, const std::vector<py::object>& initial, const py::object& kernel,
         const py::object& recurrent_kernel, const py::object& bias, const py::object& mask,
         const py::object& outputs, const std::vector<py::object>& final,
         const py::object& workspace, bool time_major, bool go_backwards, bool zero_output_for_mask,
         std::uintptr_t stream) {
        const auto type = x.attr("__cuda_array_interface__")["typestr"].cast<std::string>();
        const auto call = type == "<f8" ? &Forward<Cell, double> : &Forward<Cell, float>;
        call(type == "<f8" ? type : "<f4", x, initial, kernel, recurrent_kernel, bias, mask,
             outputs, final, workspace, time_major, go_backwards, zero_output_for_mask, stream);
      },
      py::arg("x"), py::arg("initial"), py::arg("kernel"), py::arg("recurrent_kernel"),
      py::arg("bias"), py::arg("mask"), py::arg("outputs"), py::arg("final"), py::arg("workspace"),
      py::kw_only(), py::arg("time_major") = false, py::arg("go_backwards") = false,
      py::arg("zero_output_for_mask") = false, py::arg("stream") = 0,
      "Enqueues an inference call over device arrays (float32 or float64), one step at a time; "
      "workspace is uint8, of the length that ..._workspace says. Does not synchronise.");
  m.def((std::string(name) + "_workspace").c_str(),
        [](std::int64_t time, std::int64_t batch, std::int64_t units, int element_size) {
          const RnnShape shape{time, batch, 0, units, false};
          return element_size == 8
                     ? cuda::Layer<Cell, double>::ForwardWorkspace(shape, 1, cuda::Plan(), false)
                     : cuda::Layer<Cell, float>::ForwardWorkspace(shape, 1, cuda::Plan(), false);
        },
        py::arg("time"), py::arg("batch"), py::arg("units"), py::arg("element_size"),
        "The bytes of the workspace of a call.");
}

// What stands between this process and a GPU, or "" if nothing does.
std::string Obstacle() {
  int driver = 0, runtime = 0, devices = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no CUDA driver";
  Check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  if (driver / 1000 < runtime / 1000) {
    return "the driver supports CUDA " + std::to_string(driver / 1000) + ", the kernels need " +
           std::to_string(runtime / 1000) + " (driver 580 or newer)";
  }
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  return devices == 0 ? "no CUDA device" : "";
}

}  // namespace

void BindCuda(py::module_& m) {
  m.def("cuda_obstacle", &Obstacle, "Why CUDA kernels cannot run here, or '' if they can.");
  m.def(
      "cuda_device",
      [](int ordinal) {
        cuda::Device device;
        Check(cuda::QueryDevice(ordinal, &device), "cuda_device");
        return device;
      },
      py::arg("ordinal") = 0, "The GPU at hand, as gpu_plan() takes it.");
  Bind<Lstm>(m, "cuda_lstm");
  Bind<Gru>(m, "cuda_gru");
  Bind<SimpleRnn>(m, "cuda_simple_rnn");
}

}  // namespace tfrnn
