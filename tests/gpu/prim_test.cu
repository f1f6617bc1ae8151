// The same questions, to a GPU.
#include "tests/emulator/prim_test.cc"
