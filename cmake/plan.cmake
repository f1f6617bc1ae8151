# tfrnn_plan: how calls are spread over a GPU, and what that should cost. Plain C++, for every build.
add_library(tfrnn_plan STATIC cuda/constants.cc cuda/device.cc cuda/model.cc cuda/options.cc
            cuda/plan.cc
            cuda/plan_override.cc)
target_include_directories(tfrnn_plan PUBLIC ${PROJECT_SOURCE_DIR})
