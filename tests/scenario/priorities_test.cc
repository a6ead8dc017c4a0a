// Which of the eight levels a packet takes (docs/protocol.md#priorities).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

TEST(ScenarioPriorities, LevelSixUntilThePeerSaidItsCutoffs) {
  ScenarioOptions options;
  options.known_peers = 0;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100 prio=6 cutoffs=0
    1    in     CUTOFFS version=5 values=0,0,0,0,0xffffffff,15000,2800,200
    2    app    start b length=100
    2    out    DATA b bytes=0-100 prio=7 cutoffs=5
    3    end
  )",
               options);
}

TEST(ScenarioPriorities, UnscheduledBytesGoByTheReceiversCutoffs) {
  run_scenario(R"(
    0    app    start a length=200
    0    out    DATA a bytes=0-200 prio=7
    0    app    start b length=201
    0    out    DATA b bytes=0-201 prio=6
    0    app    start c length=2800
    0    out    DATA c bytes=0-2800 prio=6
    0    app    start d length=2801
    0    out    DATA d bytes=0-2801 prio=5
    0    app    start e length=15000
    0    out    DATA e bytes=0-15000 prio=5
    0    app    start f length=15001
    0    out    DATA f bytes=0-15001 prio=4
    1    end
  )");
}

// Capture 23: 100 bytes moved from level 7 to level 6 by the server's new cutoffs.
TEST(ScenarioPriorities, NewCutoffsApplyToTheNextMessage) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100 prio=7 cutoffs=1
    1.1  in     CUTOFFS version=2 values=2147483647,0,0,0,1000000,20000,3000,50
    1.5  in     DATA a length=100 bytes=0-100
    1.5  event  response a
    2.8  app    start b length=100
    2.8  out    DATA b bytes=0-100 prio=6 cutoffs=2 ack=a
    3    end
  )");
}

// Captures 01 and 23, seen from the server.
TEST(ScenarioPriorities, ASenderWithOldCutoffsIsToldAtMostEveryFourMilliseconds) {
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10 cutoffs=0
    0    out    CUTOFFS a version=1 values=0,0,0,0,0x7fffffff,15000,2800,200 prio=7
    0    event  request a
    3    in     DATA b length=10 bytes=0-10 cutoffs=0
    3    event  request b
    4.1  in     DATA c length=10 bytes=0-10 cutoffs=0
    4.1  out    CUTOFFS c version=1
    4.1  event  request c
    5    in     DATA d length=10 bytes=0-10 cutoffs=1
    5    event  request d
    6    end
  )");
}

// Short messages only: other cutoffs balance their bytes better.
TEST(ScenarioPriorities, CutoffsFollowTheTraffic) {
  ScenarioOptions options;
  options.config.cutoff_interval = std::chrono::milliseconds(10);
  options.config.cutoff_messages_min = 3;
  run_scenario(R"(
    1    in     DATA a length=100 bytes=0-100
    1    event  request a
    2    in     DATA b length=1000 bytes=0-1000
    2    event  request b
    3    in     DATA c length=1000 bytes=0-1000
    3    event  request c
    30   in     DATA d length=10 bytes=0-10 cutoffs=1
    30   out    CUTOFFS d version=2
    30   event  request d
    31   in     DATA e length=10 bytes=0-10 cutoffs=2
    31   event  request e
    32   end
  )",
               options);
}

TEST(ScenarioPriorities, ScheduledBytesGoAtTheirGrantsLevel) {
  run_scenario(R"(
    0    app    start a length=50000
    0    out    DATA a bytes=0-40000 prio=4
    1    in     GRANT a offset=45000 priority=2
    1    out    DATA a bytes=40000-45696 prio=2     # the packet where the limit falls is finished
    2    in     GRANT a offset=44000 priority=3     # does not advance: nothing changes
    3    in     GRANT a offset=50000 priority=1
    3    out    DATA a bytes=45696-50000 prio=1
    4    end
  )");
}

TEST(ScenarioPriorities, RetransmissionsGoAtTheResendsLevel) {
  run_scenario(R"(
    0    app    start a length=5000
    0    out    DATA a bytes=0-5000 prio=5
    3    in     RESEND a offset=1424 length=1424 priority=3
    3    out    DATA a bytes=1424-2848 prio=3 again
    4    end
  )");
}

}  // namespace
}  // namespace homa::test
