#pragma once

#include <pybind11/pybind11.h>

namespace tfrnn {

void BindCudaReserve(pybind11::module_& m);

}  // namespace tfrnn
