// Zoneout (Krueger et al. 2016): what a state becomes that keeps a share of its old value.
#pragma once

#include "csrc/cells/cell.h"

namespace tfrnn {

// `share` of `past` and the rest of `next`. A share of 0 or 1, which is what training draws, takes
// one of them as it is, whatever the other: it may be infinite. The gradient splits likewise:
// Mix(share, 0, d) goes to `next` and Mix(share, d, 0) to `past`.
template <typename A>
TFRNN_CELL A Mix(A share, A past, A next) {
  if (share == A(0)) return next;
  if (share == A(1)) return past;
  return next + share * (past - next);
}

}  // namespace tfrnn
