// The same questions, to a GPU.
#include "tests/emulator/exchange_test.cc"
