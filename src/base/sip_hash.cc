#include "base/sip_hash.h"

#include <bit>

namespace homa::base {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (; count > 0; --count) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  void add(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t sip_hash(const SipKey& key, std::initializer_list<std::uint64_t> words) {
  State state{key.a ^ 0x736f6d6570736575, key.b ^ 0x646f72616e646f6d, key.a ^ 0x6c7967656e657261,
              key.b ^ 0x7465646279746573};
  for (const std::uint64_t word : words) state.add(word);
  state.add(std::uint64_t{8 * words.size()} << 56);  // the length in bytes
  state.v2 ^= 0xff;
  state.rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace homa::base
