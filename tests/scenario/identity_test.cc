// Who a peer is and where it is (docs/protocol.md#challenge-and-answer).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

TEST(ScenarioIdentity, AChallengeIsAnsweredWhetherItsRpcIsKnownOrNot) {
  run_scenario(R"(
    0    in     CHALLENGE x nonce=77
    0    out    ANSWER x nonce=77 prio=7
    1    in     DATA a length=100 bytes=0-100 life=5
    1    event  request a
    2    in     CHALLENGE a nonce=78 life=5
    2    out    ANSWER a nonce=78
    3    app    start b length=100 peer=2
    3    out    DATA b bytes=0-100
    4    in     CHALLENGE b nonce=79 life=6
    4    out    ANSWER b nonce=79
    5    check  rpcs=2
    5    end
  )");
}

TEST(ScenarioIdentity, AnAnswerThatNobodyAskedForChangesNothing) {
  run_scenario(R"(
    0    in     ANSWER x nonce=77
    0    in     ANSWER x nonce=0 peer=9
    0    check  rpcs=0 peers=1
    9    end
  )");
}

}  // namespace
}  // namespace homa::test
