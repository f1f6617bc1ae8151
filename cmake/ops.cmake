# libtfrnn_ops.so, the only part that sees TensorFlow, and _build_info.py, which says which one it
# was built for. Both are installed into the package directory.

set(framework ${TFRNN_TF_DIR}/libtensorflow_framework.so.2)
if(NOT EXISTS ${framework})
  message(FATAL_ERROR "TFRNN_TF_DIR is '${TFRNN_TF_DIR}'; expected the directory of an installed "
                      "tensorflow package, which holds libtensorflow_framework.so.2.")
endif()
add_library(tensorflow SHARED IMPORTED)
set_target_properties(tensorflow PROPERTIES IMPORTED_LOCATION ${framework})
target_include_directories(tensorflow SYSTEM INTERFACE ${TFRNN_TF_DIR}/include)
# As tf.sysconfig.get_compile_flags() says, in every version that is supported.
target_compile_definitions(tensorflow INTERFACE _GLIBCXX_USE_CXX11_ABI=1 EIGEN_MAX_ALIGN_BYTES=64)

list(TRANSFORM TFRNN_CELLS REPLACE "(.+)" "csrc/ops/\\1_op.cc" OUTPUT_VARIABLE op_sources)
if(TFRNN_CUDA)
  # Those of the cells that have CUDA kernels.
  file(GLOB gpu_sources CONFIGURE_DEPENDS csrc/ops/gpu/*.cc)
  list(APPEND op_sources ${gpu_sources})
endif()
add_library(tfrnn_ops MODULE csrc/ops/checks.cc csrc/ops/shapes.cc ${op_sources})
# The static CUDA runtime comes before TensorFlow: the framework library of GPU builds exports
# cuda* symbols of its own, for another CUDA version, and would take the place of the runtime.
target_link_libraries(tfrnn_ops PRIVATE ${kernels} tensorflow)
target_link_options(tfrnn_ops PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,-z,relro,-z,now)
set_target_properties(tfrnn_ops PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../tensorflow")

if(TFRNN_CUDA)
  set(TFRNN_CUDA_PY True)
else()
  set(TFRNN_CUDA_PY False)
endif()
configure_file(cmake/build_info.py.in _build_info.py @ONLY)

install(TARGETS tfrnn_ops LIBRARY DESTINATION .)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/_build_info.py DESTINATION .)
