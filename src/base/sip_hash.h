// SipHash-2-4 (Aumasson, Bernstein 2012) of words: who does not know the key can neither guess the
// result nor tell it from random numbers, however many results he knows.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace homa::base {

struct SipKey {
  std::uint64_t a = 0, b = 0;
};

// Of the words as bytes, the lowest of each word first.
std::uint64_t sip_hash(const SipKey& key, std::initializer_list<std::uint64_t> words);

}  // namespace homa::base
