// What the ops keep for their gradient on a GPU.
#include "csrc/python/cuda_reserve.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/core/segments.h"
#include "csrc/python/names.h"
#include "cuda/launch.h"

namespace py = pybind11;

namespace tfrnn {
namespace {

template <template <typename> class Cell, typename T>
std::size_t BytesOf(const RnnShape& shape, const RnnOptions& options, std::int64_t recompute) {
  using L = cuda::Layer<Cell, T>;
  if (recompute == 0) return L::ReserveBytes(shape, options);
  return Segments<T>(shape, recompute, 0, L::CarryBytes(shape, options)).bytes();
}

template <template <typename> class Cell>
std::size_t BytesOf(cuda::Element dtype, const RnnShape& shape, const RnnOptions& options,
                    std::int64_t recompute) {
  switch (dtype) {
    case cuda::Element::kFloat16:
      return BytesOf<Cell, Half>(shape, options, recompute);
    case cuda::Element::kBFloat16:
      return BytesOf<Cell, BFloat16>(shape, options, recompute);
    case cuda::Element::kFloat32:
      return BytesOf<Cell, float>(shape, options, recompute);
    case cuda::Element::kFloat64:
      return BytesOf<Cell, double>(shape, options, recompute);
  }
  return 0;
}

std::size_t ReserveBytes(const std::string& cell, const std::string& dtype, std::int64_t batch,
                         std::int64_t time, std::int64_t units, std::int64_t projection,
                         double cell_zoneout, std::int64_t recompute,
                         const std::vector<std::string>& features) {
  RnnShape shape;
  shape.batch = batch, shape.time = time, shape.units = units, shape.projection = projection;
  RnnOptions options;
  options.cell_zoneout = cell_zoneout;
  const cuda::Features asked = FeaturesNamed(features);
  options.layer_norm = asked.layer_norm;
  options.general = !cuda::GeneralReason(asked).empty();
  const cuda::Element element = ElementNamed(dtype);
  switch (CellNamed(cell)) {
    case cuda::Cell::kLstm:
      return BytesOf<Lstm>(element, shape, options, recompute);
    case cuda::Cell::kGru:
      return BytesOf<Gru>(element, shape, options, recompute);
    case cuda::Cell::kGruResetBefore:
      return BytesOf<GruResetBefore>(element, shape, options, recompute);
    case cuda::Cell::kSimpleRnn:
      return BytesOf<SimpleRnn>(element, shape, options, recompute);
    case cuda::Cell::kIndRnn:
      return BytesOf<IndRnn>(element, shape, options, recompute);
  }
  return 0;
}

}  // namespace

void BindCudaReserve(py::module_& m) {
  m.def("gpu_reserve_bytes", &ReserveBytes, py::arg("cell"), py::arg("dtype"), py::kw_only(),
        py::arg("batch"), py::arg("time"), py::arg("units"), py::arg("projection") = 0,
        py::arg("cell_zoneout") = 0.0, py::arg("recompute") = 0,
        py::arg("features") = std::vector<std::string>(),
        "Bytes that the GPU's op keeps for its gradient; `features` as in gpu_plan().");
}

}  // namespace tfrnn
