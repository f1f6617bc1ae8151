# The pybind11 module _core, which must not see TensorFlow; installed into the package directory.

set(kernels tfrnn_cpu)
if(TFRNN_CUDA)
  list(APPEND kernels tfrnn_cuda)
endif()

set(PYBIND11_FINDPYTHON ON)
find_package(Python 3.10 COMPONENTS Interpreter Development.Module REQUIRED)
find_package(pybind11 CONFIG REQUIRED)
# NO_EXTRAS: link-time optimisation would buy this module nothing but a slow link.
set(core_sources module.cc plan_module.cc)
if(TFRNN_CUDA)
  list(APPEND core_sources cuda_module.cc cuda_layer.cc cuda_reserve.cc layer_options.cc)
endif()
list(TRANSFORM core_sources PREPEND csrc/python/)
pybind11_add_module(_core MODULE NO_EXTRAS ${core_sources})
target_link_libraries(_core PRIVATE tfrnn_bench tfrnn_plan ${kernels})
target_link_options(_core PRIVATE -Wl,--exclude-libs,ALL)
set_target_properties(_core PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS _core LIBRARY DESTINATION .)
