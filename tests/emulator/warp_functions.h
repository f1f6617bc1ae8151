// What the lanes of a warp compute together.
#pragma once

#include "tests/emulator/emulator.h"

namespace emulator {

// In: the address of a row, low word first. Out: the four addresses LoadMatrices reads from.
void MatrixRows(const Words (&in)[32], Words (&out)[32]);

// In: a signed number. Out: the largest of all lanes'.
void Largest(const Words (&in)[32], Words (&out)[32]);

// In: a vote, 0 or 1. Out: bit l is lane l's.
void BallotOf(const Words (&in)[32], Words (&out)[32]);

// In: tiles, columns, tiles of A, columns of B. Out: tiles x columns of A times B.
template <typename T>
void Multiply(const Words (&in)[32], Words (&out)[32]);

}  // namespace emulator
