# Settings for every target: language standard, warnings, compiler cache, sanitizers.

set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
set(oldest_GNU 10)
set(oldest_Clang 14)
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "^(GNU|Clang)$"
   OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS oldest_${CMAKE_CXX_COMPILER_ID})
  message(FATAL_ERROR "The C++ compiler is ${compiler}; expected GCC 10 or newer, or Clang 14 or "
                      "newer. Set CXX to another one.")
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>)

# A cached object serves every checkout and pip's temporary ones: paths below the source
# directory count relative to it. An empty CMAKE_CXX_COMPILER_LAUNCHER turns the cache off.
find_program(TFRNN_CCACHE ccache)
if(TFRNN_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${TFRNN_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

if(TFRNN_SANITIZE)
  if(TFRNN_PACKAGE)
    message(FATAL_ERROR "TFRNN_SANITIZE needs TFRNN_PACKAGE=OFF: TensorFlow is built without "
                        "sanitizers, and its headers lay out their data otherwise under them.")
  endif()
  # -O1: the engine's inlined loops take minutes to compile with sanitizers and -O3.
  add_compile_options(-fsanitize=${TFRNN_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=${TFRNN_SANITIZE})
endif()
