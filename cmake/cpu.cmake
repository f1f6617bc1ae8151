# tfrnn_cpu, the CPU engine, and tfrnn_bench, the loops that measure what the machine can do.
#
# csrc/cpu/isa/engine_<cell>.cc and csrc/bench/loops.cc are compiled once for every instruction set,
# each time in a namespace of its own (tfrnn::cpu::<isa>, tfrnn::bench::<isa>); csrc/cpu/dispatch.cc
# picks one at run time. tools/check_symbols.py checks that no function is shared between them.

file(GLOB cpu_sources CONFIGURE_DEPENDS csrc/cpu/*.cc)
add_library(tfrnn_cpu STATIC ${cpu_sources})
target_include_directories(tfrnn_cpu PUBLIC ${PROJECT_SOURCE_DIR})
add_library(tfrnn_bench STATIC csrc/bench/ceiling.cc)
target_link_libraries(tfrnn_bench PUBLIC tfrnn_cpu)
list(TRANSFORM TFRNN_CELLS REPLACE "(.+)" "csrc/cpu/isa/engine_\\1.cc" OUTPUT_VARIABLE engine_sources)

# tfrnn_add_objects(<isa> <library> SOURCES <source>... FLAGS [<flag>...]): compiles the sources for
# an instruction set, as target <library>_<isa>. Not with -ffast-math: infinities and NaN keep their
# meaning.
function(tfrnn_add_objects isa library)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;FLAGS")
  add_library(${library}_${isa} OBJECT ${arg_SOURCES})
  target_include_directories(${library}_${isa} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${library}_${isa} PRIVATE TFRNN_ISA=${isa})
  target_compile_options(${library}_${isa} PRIVATE ${arg_FLAGS}
    -ffp-contract=off -fno-math-errno -fno-trapping-math $<$<NOT:$<CONFIG:Debug>>:-O3>)
  target_sources(${library} PRIVATE $<TARGET_OBJECTS:${library}_${isa}>)
endfunction()

# An instruction set that every storage type and the benchmarks' loops have code for.
macro(tfrnn_add_isa isa)
  tfrnn_add_objects(${isa} tfrnn_cpu SOURCES ${engine_sources} FLAGS ${ARGN})
  tfrnn_add_objects(${isa} tfrnn_bench SOURCES csrc/bench/loops.cc FLAGS ${ARGN})
  list(APPEND TFRNN_ISAS ${isa})
endmacro()

tfrnn_add_isa(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  tfrnn_add_isa(avx2 -mavx2 -mfma -mf16c)
  set(avx512_flags -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
      -mprefer-vector-width=512)
  tfrnn_add_isa(avx512 ${avx512_flags})
  # For bfloat16 only; in all else avx512 does for it.
  tfrnn_add_objects(avx512_bf16 tfrnn_cpu SOURCES ${engine_sources}
                    FLAGS ${avx512_flags} -mavx512bf16)
endif()
