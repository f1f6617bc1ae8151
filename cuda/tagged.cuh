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
#pragma once

#include "cuda/prim.cuh"

namespace tfrnn::cuda {

constexpr int kCarried = 16;  // words that share a carrier
using Carrier = std::uint64_t;

// Of `words` words and, after them, their carriers, in whole sectors of 32 bytes.
constexpr int TaggedWords(int words) {
  return (words + (words + 2 * kCarried - 1) / 32 + 1) / 2 * 2;
}

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

}  // namespace tfrnn::cuda
