#include "base/sip_hash.h"

#include <gtest/gtest.h>

namespace homa::base {
namespace {

// The authors' vectors: key 00 01 .. 0f, message 00 01 02 .. of this many bytes.
TEST(SipHash, GivesTheResultsOfItsAuthors) {
  constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(sip_hash(kKey, {}), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(sip_hash(kKey, {0x0706050403020100}), 0x93f5f5799a932462U);
  EXPECT_EQ(sip_hash(kKey, {0x0706050403020100, 0x0f0e0d0c0b0a0908}), 0x3f2acc7f57c29bdbU);
}

TEST(SipHash, DependsOnKeyAndOrder) {
  EXPECT_NE(sip_hash({1, 2}, {3, 4}), sip_hash({1, 3}, {3, 4}));
  EXPECT_NE(sip_hash({1, 2}, {3, 4}), sip_hash({1, 2}, {4, 3}));
}

}  // namespace
}  // namespace homa::base
