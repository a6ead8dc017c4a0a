#include "core/finished_ids.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(FinishedIds, RefusesWhatRanEvenAfterItLeftTheRing) {
  CoreConfig config;
  PeerTable peers(config, 1);
  std::uint32_t collected = 0;
  Peer& peer = *peers.get(at(0), Address::v4(10, 0, 0, 1), collected);
  peer.incarnation = 5;
  FinishedIds finished(8);
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(peer, WireId{id});
  for (std::uint64_t id = 100; id < 200; id += 2)
    EXPECT_TRUE(finished.may_have_run(peer, WireId{id}));
  EXPECT_FALSE(finished.may_have_run(peer, WireId{200}));
  peers.restart(peer, 6);
  EXPECT_FALSE(finished.may_have_run(peer, WireId{150})) << "a new engine starts its ids anew";
}

TEST(FinishedIds, AKernelsLowIdsAreNewAgainAfterItsRestart) {
  CoreConfig config;
  PeerTable peers(config, 1);
  std::uint32_t collected = 0;
  Peer& kernel = *peers.get(at(0), Address::v4(10, 0, 0, 1), collected);
  FinishedIds finished(8);
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(kernel, WireId{id});
  EXPECT_FALSE(finished.may_have_run(kernel, WireId{2}));
  EXPECT_TRUE(finished.may_have_run(kernel, WireId{198}));
}

}  // namespace
}  // namespace homa::core
