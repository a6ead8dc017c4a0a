// Who is granted how much, and at which level (docs/protocol.md#grants).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

// Capture 16's first packets: one message alone gets its whole rest in one grant, at the lowest
// level.
TEST(ScenarioGrants, AMessageAloneIsGrantedAWindowOfHalfOfMaxIncoming) {
  run_scenario(R"(
    0    in     DATA a length=100000 incoming=40000 bytes=0-1424
    0    out    GRANT a offset=100000 priority=0 prio=7
    0    check  granted=98576
    1    in     DATA b length=500000 incoming=40000 bytes=0-1424 peer=2
    1    out    GRANT b offset=201424 priority=0   # a has all its grants: b is alone, too
    2    end
  )");
}

TEST(ScenarioGrants, ShortMessagesNeedNone) {
  run_scenario(R"(
    0    in     DATA a length=20000 incoming=20000 bytes=0-1424
    0    check  granted=18576
    1    end
  )");
}

// A window of 10000 bytes ahead of what has arrived.
TEST(ScenarioGrants, TheWindowMovesWithWhatArrives) {
  ScenarioOptions options;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  run_scenario(R"(
    0    in     DATA a length=60000 incoming=5000 bytes=0-1424
    0    out    GRANT a offset=11424
    1    in     DATA a length=60000 incoming=5000 bytes=1424-2848
    1    out    GRANT a offset=12848
    2    in     DATA a length=60000 incoming=5000 bytes=4272-5696   # the one before it is missing
    2    out    GRANT a offset=14272
    3    end
  )",
               options);
}

TEST(ScenarioGrants, FewestBytesToReceiveComesFirstAndHighest) {
  ScenarioOptions options;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  options.known_peers = 3;
  run_scenario(R"(
    0    in     DATA a length=90000 incoming=1424 bytes=0-1424 peer=1
    0    out    GRANT a offset=11424 priority=0
    1    in     DATA b length=60000 incoming=1424 bytes=0-1424 peer=2
    1    out    GRANT b offset=11424 priority=1     # two active: the shorter one above
    2    in     DATA c length=70000 incoming=1424 bytes=0-1424 peer=3
    2    out    GRANT c offset=11424 priority=1     # between them
    3    in     DATA a length=90000 incoming=1424 bytes=1424-2848
    3    out    GRANT a offset=12848 priority=0
    4    in     DATA b length=60000 incoming=1424 bytes=1424-2848
    4    out    GRANT b offset=12848 priority=2
    5    end
  )",
               options);
}

TEST(ScenarioGrants, OnlySoManyAreActiveAndTheNextOneTakesOver) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  run_scenario(R"(
    0    in     DATA a length=12848 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=11424
    1    in     DATA b length=90000 incoming=1424 bytes=0-1424      # must wait
    2    in     DATA a length=12848 incoming=11424 bytes=1424-2848
    2    out    GRANT a offset=12848                                # fully granted: leaves
    2    out    GRANT b offset=11424
    3    in     DATA c length=50000 incoming=1424 bytes=0-1424      # shorter: takes b's place
    3    out    GRANT c offset=11424
    4    in     DATA b length=90000 incoming=11424 bytes=1424-2848
    5    end
  )",
               options);
}

TEST(ScenarioGrants, EveryPeerGetsAPlaceBeforeAnyGetsTwo) {
  ScenarioOptions options;
  options.config.overcommit = 2;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA a length=50000 incoming=1424 bytes=0-1424 peer=1
    0    out    GRANT a offset=11424
    1    in     DATA b length=60000 incoming=1424 bytes=0-1424 peer=1
    1    out    GRANT b offset=11424
    2    in     DATA c length=900000 incoming=1424 bytes=0-1424 peer=2   # long, but of another peer
    2    out    GRANT c offset=11424
    3    in     DATA b length=60000 incoming=11424 bytes=1424-2848       # lost its place to c
    4    in     DATA a length=50000 incoming=11424 bytes=1424-2848
    4    out    GRANT a offset=12848
    5    end
  )",
               options);
}

TEST(ScenarioGrants, MaxIncomingBoundsWhatIsGrantedAndNotReceived) {
  ScenarioOptions options;
  options.config.max_incoming = 50'000;
  options.config.window = 40'000;
  options.config.grant_fifo_per_mille = 0;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA a length=200000 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=41424
    0    check  granted=40000
    1    in     DATA b length=300000 incoming=1424 bytes=0-1424 peer=2
    1    out    GRANT b offset=11424         # 10000 are left
    1    check  granted=50000
    2    in     DATA a length=200000 incoming=41424 bytes=1424-2848
    2    out    GRANT a offset=42848         # room for 1424 bytes, and a is first
    2    check  granted=50000
    3    end
  )",
               options);
}

// A twentieth of what is granted goes to the oldest message, in one piece, at the highest of the
// levels that grants use, below all that is unscheduled; here half of it, in pieces of 2000 bytes.
TEST(ScenarioGrants, TheOldestMessageGetsItsShare) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 4'000;
  options.config.grant_fifo_per_mille = 500;
  options.config.fifo_grant_increment = 2'000;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA a length=900000 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=5424 priority=0      # 4000 bytes: the oldest is owed 2000
    0    out    GRANT a offset=7424 priority=3
    1    in     DATA b length=30000 incoming=1424 bytes=0-1424 peer=2
    1    out    GRANT b offset=5424
    1    out    GRANT a offset=9424 priority=3      # not active, but the oldest
    2    end
  )",
               options);
}

// What is left of a long message is worth as much as a short one: no longer at the level of its
// rank, among what longer ones were granted, but as a message of that length would be sent.
TEST(ScenarioGrants, TheLastOfAMessageIsGrantedAtAnUnscheduledLevel) {
  ScenarioOptions options;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  options.config.grant_tail_bytes = 9'000;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA a length=20000 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=11424 priority=0       # 18576 were left
    1    in     DATA a length=20000 incoming=11424 bytes=1424-2848
    1    out    GRANT a offset=12848 priority=5       # 8576 were
    2    in     DATA b length=4000 incoming=1424 bytes=0-1424 peer=2
    2    out    GRANT b offset=4000 priority=6        # 2576
    3    end
  )",
               options);
}

// Or a sender that is busy elsewhere would hold the whole budget, grant after grant.
TEST(ScenarioGrants, TheOldestMessageGetsNoMoreBeforeItHasSentItsShare) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 4'000;
  options.config.grant_fifo_per_mille = 1'000;
  options.config.fifo_grant_increment = 2'000;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA b length=30000 incoming=1424 bytes=0-1424
    0    out    GRANT b offset=5424 priority=0
    0    out    GRANT b offset=7424 priority=3      # the only one is the oldest
    0    out    GRANT b offset=9424 priority=3
    1    in     DATA a length=20000 incoming=1424 bytes=0-1424 peer=2
    1    out    GRANT a offset=5424
    2    in     DATA a length=20000 bytes=1424-2848 peer=2
    2    out    GRANT a offset=6848                 # b has 8000 to send: nothing out of turn
    3    in     DATA b length=30000 bytes=1424-2848
    4    in     DATA b length=30000 bytes=2848-4272
    4    out    GRANT b offset=11424 priority=3
    5    end
  )",
               options);
}

TEST(ScenarioGrants, ASenderThatIsSilentLosesItsPlace) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  options.known_peers = 2;
  run_scenario(R"(
    0    in     DATA a length=50000 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=11424
    1    in     DATA b length=90000 incoming=1424 bytes=0-1424 peer=2
    5    out    RESEND a offset=1424 length=10000
    5    out    GRANT b offset=11424                  # whose silence is forgiven
    6    in     DATA a length=50000 incoming=11424 bytes=1424-2848  # back again, and shorter
    6    out    GRANT a offset=12848
    7    end
  )",
               options);
}

// Incast control: all responses together may send that much without a grant.
TEST(ScenarioGrants, AClientLimitsTheUnscheduledBytesOfItsResponses) {
  ScenarioOptions options;
  options.config.incast_bytes_max = 10'000;
  run_scenario(R"(
    0    app    start a length=10
    0    out    DATA a bytes=0-10 limit=10000
    0    app    start b length=10
    0    out    DATA b bytes=0-10 limit=5000
    1    in     DATA a length=10 bytes=0-10
    1    event  response a
    1    in     DATA b length=10 bytes=0-10
    1    event  response b
    2    end
  )",
               options);
}

TEST(ScenarioGrants, AServerKeepsToTheLimitOfItsClient) {
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10 limit=1424
    0    event  request a
    1    app    reply a length=5000
    1    out    DATA a length=5000 incoming=1424 bytes=0-1424
    2    in     GRANT a offset=5000 priority=3
    2    out    DATA a bytes=1424-5000 prio=3
    3    end
  )");
}

TEST(ScenarioGrants, MessagesThatWaitForBuffersAreAskedForWhenThereIsRoom) {
  ScenarioOptions options;
  options.config.receive_region_bytes = 1 << 20;
  options.config.message_bytes_max = 1'000'000;
  options.hold_buffers = true;
  run_scenario(R"(
    0    in     DATA a length=600000 incoming=600000 bytes=0-600000
    0    event  request a
    1    in     DATA b length=600000 incoming=40000 bytes=0-1424 drop=no-buffer
    40   app    release a
    40   out    RESEND b offset=0 length=40000
    40   out    GRANT b offset=200000
    41   end
  )",
               options);
}

}  // namespace
}  // namespace homa::test
