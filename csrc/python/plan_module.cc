// The planning half of tfrnn_ops._core: which plan a call gets on which GPU, and why. Needs no GPU.
#include "csrc/python/plan_module.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "csrc/python/names.h"
#include "cuda/constants.h"
#include "cuda/device.h"
#include "cuda/plan.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

using cuda::Call, cuda::Candidate, cuda::Constants, cuda::Device;
using DeviceOrName = std::variant<Device, std::string>;

Device DeviceOf(const DeviceOrName& device) {
  if (const auto* given = std::get_if<Device>(&device)) return *given;
  const auto& name = std::get<std::string>(device);
  if (const Device* known = cuda::FindDevice(name)) return *known;
  std::string names;
  for (const Device& known : cuda::KnownDevices()) {
    names += (names.empty() ? "" : ", ") + known.name;
  }
  throw py::value_error("device must be a GpuDevice or one of " + names + ", found " + name);
}

Constants ConstantsWith(int arch, const std::map<std::string, double>& changes) {
  Constants constants = cuda::ConstantsFor(arch);
  for (const auto& [name, value] : changes) {
    if (!cuda::SetConstant(&constants, name, value)) {
      throw py::value_error("constants: found '" + name + "', expected names of gpu_constants()");
    }
  }
  return constants;
}

std::vector<std::string> FeatureNames() {
  std::vector<std::string> names;
  for (const cuda::Feature& feature : cuda::KnownFeatures()) names.push_back(feature.name);
  return names;
}

py::dict ToDict(const Candidate& candidate) {
  const cuda::Plan& plan = candidate.plan;
  py::dict dict;
  dict["policy"] = cuda::Name(plan.policy);
  if (plan.policy != cuda::Policy::kStepwise) {
    dict["unit_slices"] = plan.unit_slices, dict["batch_slices"] = plan.batch_slices;
    dict["tile_rows"] = plan.tile_rows, dict["warps"] = plan.warps;
    dict["blocks"] = candidate.blocks, dict["shared_bytes"] = candidate.shared_bytes;
  }
  dict["us"] = candidate.us.total();
  dict["us_of"] = py::dict(
      py::arg("product") = candidate.us.product, py::arg("exchange") = candidate.us.exchange,
      py::arg("pointwise") = candidate.us.pointwise, py::arg("overhead") = candidate.us.overhead);
  return dict;
}

py::dict GpuPlan(const std::string& cell, const std::string& dtype, std::int64_t batch,
                 std::int64_t units, int directions, bool backward, bool tf32,
                 const std::vector<std::string>& features, const DeviceOrName& device_or_name,
                 const std::map<std::string, double>& constants, const std::string& override_text) {
  if (batch < 0 || units < 1 || directions < 1 || directions > 2) {
    throw py::value_error("expected batch >= 0, units >= 1 and 1 or 2 directions, found batch " +
                          std::to_string(batch) + ", units " + std::to_string(units) + " and " +
                          std::to_string(directions) + " directions");
  }
  Call call;
  call.cell = CellNamed(cell), call.dtype = ElementNamed(dtype);
  call.pass = backward ? cuda::Pass::kBackward : cuda::Pass::kForward;
  call.batch = batch, call.units = units, call.directions = directions, call.tf32 = tf32;
  call.features = FeaturesNamed(features);

  const Device device = DeviceOf(device_or_name);
  const cuda::Choice choice =
      cuda::MakePlan(call, device, ConstantsWith(device.arch, constants), override_text);
  if (!choice.error.empty()) throw py::value_error(choice.error);
  py::dict dict = ToDict(choice.candidate);
  dict["reason"] = choice.reason;
  py::dict others;
  for (const cuda::Outcome& outcome : choice.outcomes) {
    py::object found = py::cast(outcome.obstacle);
    if (outcome.best) found = ToDict(*outcome.best);
    others[cuda::Name(outcome.policy)] = found;
  }
  dict["policies"] = others;
  return dict;
}

py::list GpuConstants(int arch) {
  py::list list;
  const cuda::ConstantsTable& table = cuda::TableFor(arch);
  for (std::size_t i = 0; i < table.entries.size(); ++i) {
    const cuda::ConstantEntry& entry = table.entries[i];
    list.append(py::dict(py::arg("name") = entry.name, py::arg("value") = entry.value,
                         py::arg("source") = cuda::SourceName(entry.source),
                         py::arg("meaning") = cuda::ConstantMeanings()[i].meaning));
  }
  return list;
}

}  // namespace

void BindPlan(py::module_& m) {
  py::class_<Device>(m, "GpuDevice", "What planning needs to know of a GPU.")
      .def(py::init<>())
      .def_readwrite("name", &Device::name)
      .def_readwrite("arch", &Device::arch, "90 for compute capability 9.0")
      .def_readwrite("multiprocessors", &Device::multiprocessors)
      .def_readwrite("shared_per_block", &Device::shared_per_block, "bytes at most")
      .def_readwrite("registers", &Device::registers, "of a multiprocessor")
      .def_readwrite("l2_bytes", &Device::l2_bytes)
      .def_readwrite("cooperative", &Device::cooperative)
      .def_readwrite("resident_clusters", &Device::resident_clusters,
                     "how many clusters of 0, 1, 2, ... blocks are resident at once")
      .def("__repr__", [](const Device& d) {
        return "<GpuDevice " + d.name + ", sm_" + std::to_string(d.arch) + ", " +
               std::to_string(d.multiprocessors) + " multiprocessors>";
      });
  m.def("gpu_devices", &cuda::KnownDevices, "GPUs that are known by name.");
  m.def("gpu_constants", &GpuConstants, py::arg("arch"),
        "The constants of the latency model: a list of name, value, source and meaning.");
  m.def("gpu_features", &FeatureNames,
        "What a call may ask for beyond a plain recurrence, as far as its kernels differ.");
  m.def("gpu_plan", &GpuPlan, py::arg("cell"), py::arg("dtype"), py::arg("batch"), py::arg("units"),
        py::kw_only(), py::arg("directions") = 1, py::arg("backward") = false,
        py::arg("tf32") = false, py::arg("features") = std::vector<std::string>(),
        py::arg("device") = "H200", py::arg("constants") = std::map<std::string, double>(),
        py::arg("override") = "",
        "How a call is spread over a GPU, the predicted microseconds of a step, and why. "
        "`features` names what is more than a plain recurrence, see gpu_features(), `device` "
        "is a GpuDevice or the name of one, `constants` replaces some of gpu_constants(), "
        "`override` has the grammar of the environment variable TFRNN_GPU_PLAN.");
}

}  // namespace tfrnn
