// What the general kernels are compared with: the general loops of the CPU engine in float64, which
// share the cells and the argument structs with them and nothing else. The CPU's are compared with
// the reference in Python.
#pragma once

#include "tests/emulator/general_problem.h"

namespace tfrnn::cuda {

// Defined for all cells.
template <template <typename> class Cell>
GeneralResults<double> RunGeneralReference(GeneralProblem<double> problem);

}  // namespace tfrnn::cuda
