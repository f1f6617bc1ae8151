// Words of 16 bytes that say themselves whether they are new, so that whoever polls for them has
// the data with the answer: no flag, no fence, no second trip to L2.
//
// Nothing orders the accesses to two words, and of one only its halves of 8 bytes are whole: so
// every half has a tag, its lowest bit. The bits that the tags of 16 words take the place of travel
// in one half more, a carrier: 3% more bytes. A tag in bits of its own costs a third more (12 of 16
// bytes carry data) or as much again (4 of 8); a bit pattern that no data has needs no room, but
// the words have to be set to it between two uses, and seen so.
//
// The tag changes with every use of a word, and zeroed memory has the tag of the use before the
// first. One bit is enough if a word is not stored anew before all have loaded it: then there is
// nothing but the last use's word to be mistaken for this one's. Any bits can be sent.
//
// The words of a step lie in one of two buffers, which take turns.
#pragma once

#include "cuda/prim.cuh"

namespace tfrnn::cuda {

constexpr int kCarried = 16;  // words that share a carrier
using Carrier = std::uint64_t;

// Of `words` words and, after them, their carriers, in whole sectors of 32 bytes.
constexpr int TaggedWords(int words) {
  return (words + (words + 2 * kCarried - 1) / 32 + 1) / 2 * 2;
}

// Whether it is an even or an odd use of what takes turns with every step, from step 1 on.
TFRNN_DEVICE unsigned UseOf(int step) { return (step - 1) / 2 % 2; }
TFRNN_DEVICE unsigned TagOf(int step) { return 1 - UseOf(step); }

// Makes a warp's words ready to be sent, one of every lane; returns their two carriers.
TFRNN_DEVICE prim::Word Seal(prim::Word* word, unsigned tag) {
  unsigned taken[2];
  TFRNN_UNROLL for (int i = 0; i < 2; ++i) {
    taken[i] = prim::Ballot((word->half[i] & 1) != 0);
    word->half[i] = (word->half[i] & ~std::uint64_t{1}) | tag;
  }
  const std::uint64_t low = (taken[0] & 0xffff) | taken[1] << 16;
  const std::uint64_t high = taken[0] >> 16 | (taken[1] & 0xffff0000);
  return {{low << 1 | tag, high << 1 | tag}};
}

TFRNN_DEVICE bool HasTag(const prim::Word& word, Carrier carrier, unsigned tag) {
  return ((word.half[0] ^ tag) & 1) + ((word.half[1] ^ tag) & 1) + ((carrier ^ tag) & 1) == 0;
}

// What was the word before Seal. place: its lane then.
TFRNN_DEVICE prim::Word Open(prim::Word word, Carrier carrier, int place) {
  const Carrier taken = carrier >> (1 + place % kCarried);
  word.half[0] = (word.half[0] & ~std::uint64_t{1}) | (taken & 1);
  word.half[1] = (word.half[1] & ~std::uint64_t{1}) | (taken >> kCarried & 1);
  return word;
}

// Where a thread finds a word, and its carrier: in words and in halves from the first.
struct TaggedPlace {
  bool wanted = false;
  int word = 0, carrier = 0;
};

// Returns when the wanted words of a thread have the tag, with all of them, as they were sent. It
// asks for all at once, so that it waits for L2 once and not for each.
template <int kAtOnce>
TFRNN_DEVICE void Poll(const prim::Word* sent, const TaggedPlace (&places)[kAtOnce], unsigned tag,
                       prim::Word (&words)[kAtOnce], Carrier (&carriers)[kAtOnce]) {
  TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
    words[k] = {{tag, tag}}, carriers[k] = tag;
    if (!places[k].wanted) continue;
    words[k] = prim::LoadRelaxed(sent + places[k].word);
    carriers[k] = prim::LoadRelaxed(&sent->half[0] + places[k].carrier);
  }
  for (;;) {  // left with no load under way, for which whatever comes next would wait
    bool missing[kAtOnce], any = false;
    TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
      missing[k] = !HasTag(words[k], carriers[k], tag);
      any |= missing[k];
    }
    if (!any) return;
    prim::Pause();
    TFRNN_UNROLL for (int k = 0; k < kAtOnce; ++k) {
      if (!missing[k]) continue;
      words[k] = prim::LoadRelaxed(sent + places[k].word);
      carriers[k] = prim::LoadRelaxed(&sent->half[0] + places[k].carrier);
    }
  }
}

}  // namespace tfrnn::cuda
