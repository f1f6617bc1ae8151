// How the rows and units of a layer are shared out among threads.
#pragma once

#include "csrc/core/args.h"
#include "csrc/cpu/isa.h"
#include "csrc/cpu/team.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Rows of 16-bit tensors are converted step by step; others are read and written in place.
template <typename T>
constexpr bool kStaged = sizeof(T) == 2;

// Either `shards` of the batch that never meet, or a team of at most `members`.
struct Split {
  int shards = 1, members = 1;
};

// A shard of fewer rows than this leaves threads waiting for weights: then a team shares the
// units instead, if there are units enough (`parts`) to share.
constexpr Index kRowsOfShard = 3;

inline Split SplitOf(const RnnShape& shape, const Pool& pool, Index parts) {
  Split split;
  const Index threads = Max(1, pool.threads);
  if (shape.batch < kRowsOfShard * threads && pool.gather != nullptr && parts > 1) {
    split.members = static_cast<int>(Min(Min(threads, parts), Team::kMost));
  } else {
    split.shards = static_cast<int>(Max(1, Min(threads, shape.batch)));
  }
  return split;
}

// The share of one worker: rows of the batch, and a part of the units.
struct Share {
  Range batch{0, 0};
  int member = 0, members = 1;
  Team* team = nullptr;

  Range Of(Index parts) const { return PartOf(parts, member, members); }
  // Returns when every member of the team has come here.
  void Meet() const {
    if (members > 1) team->Wait(member, members);
  }
  // Whether the team has broken up: member 0 has to do the work of all, the others are done.
  bool Broken() const { return members > 1 && team->Broken(member); }
  // The share of member 0 after that.
  Share Whole() const {
    Share whole;
    whole.batch = batch;
    return whole;
  }
};

// Runs body(share) for every share of a split; `work` is the number of multiply-adds.
template <typename Body>
void ForShares(const Pool& pool, const Split& split, const RnnShape& shape, double work,
               const Body& body) {
  if (split.members > 1 && !Team::Welcome()) {
    Share share;
    share.batch = {0, shape.batch};
    return body(share);
  }
  if (split.members > 1) {
    Team team;
    ForTeam(pool, split.members, PatienceFor(work), [&](int member, int members) {
      Share share;
      share.batch = {0, shape.batch};
      share.member = member, share.members = members;
      share.team = &team;
      body(share);
    });
    return;
  }
  ParallelFor(pool, split.shards, [&](int i) {
    Share share;
    share.batch = PartOf(shape.batch, i, split.shards);
    body(share);
  });
}

}  // namespace tfrnn::cpu::TFRNN_ISA
