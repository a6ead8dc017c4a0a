// Who a peer is and where it is (docs/protocol.md#identity). `life` stands for an identity.
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

TEST(ScenarioIdentity, AChallengeIsAnsweredWhetherItsRpcIsKnownOrNot) {
  run_scenario(R"(
    0    in     CHALLENGE x nonce=77 life=9
    0    out    ANSWER x nonce=77 prio=7
    1    in     DATA a length=100 bytes=0-100 life=5 peer=3
    1    event  request a
    1    out    CHALLENGE a
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
    0    in     ANSWER x nonce=77 life=5
    0    in     ANSWER x nonce=0 peer=9 life=5
    0    check  rpcs=0 peers=1
    9    end
  )");
}

// A relay on the way chose another port. The client asks, so we learn where it is now.
TEST(ScenarioIdentity, AClientWhoseAddressChangedIsServedOnceAndAnswered) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    5    in     RESEND a life=5 peer=4
    5    out    CHALLENGE a to=4
    5    out    BUSY a to=4                          # as long as the question, to who asked
    5.2  in     ANSWER a life=5 peer=4
    6    in     DATA a length=100 bytes=0-100 again life=5 peer=4 drop=duplicate
    7    app    reply a length=50
    7    out    DATA a bytes=0-50 to=4
    8    in     ACK a life=5 peer=4
    9    in     DATA a length=100 bytes=0-100 again life=5 peer=6 drop=finished
    9    out    CHALLENGE a to=6
    9    out    ERROR a error=stale-request to=6
    10   check  rpcs=0
    10   end
  )");
}

// The relay has forgotten its former port, and its kernel says so of what we sent there.
TEST(ScenarioIdentity, AnIcmpErrorAboutAFormerAddressEndsNoRequest) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    5    in     RESEND a life=5 peer=4
    5    out    CHALLENGE a to=4
    5    out    BUSY a to=4
    5.1  icmp   protocol a
    5.2  in     ANSWER a life=5 peer=4
    7    app    reply a length=50
    7    out    DATA a bytes=0-50 to=4
    8    in     ACK a life=5 peer=4
    9    check  rpcs=0
    9    end
  )");
}

TEST(ScenarioIdentity, ResponsesDoNotFollowAForgedAddress) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    1    in     RESEND a life=5 peer=4               # who knows the identity, and not the nonce
    1    out    CHALLENGE a to=4
    1    out    BUSY a to=4
    1.2  in     ANSWER a nonce=1 life=5 peer=4
    1.4  in     ANSWER a life=5 peer=6               # not where the nonce went
    1.4  out    CHALLENGE a to=6
    2    app    reply a length=50
    2    out    DATA a bytes=0-50 to=3
    3    in     ACK a life=5 peer=3
    9    end
  )");
}

// Both have the same id in use.
TEST(ScenarioIdentity, TwoClientsBehindOneAddressAreTwo) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    1    in     DATA b length=100 bytes=0-100 life=6 peer=3
    1    event  request b
    1    out    CHALLENGE b to=3                     # a restart?
    1.2  in     ANSWER b life=6 peer=3
    2    in     ACK a life=6 peer=3                  # it speaks of an RPC of its own
    3    app    reply a length=50
    3    out    DATA a bytes=0-50 to=3
    3.5  in     ACK b life=5 peer=3                  # we hear of it again
    4    app    reply b length=50
    4    out    DATA b bytes=0-50 to=3
    4.5  check  rpcs=2
    4.6  in     ACK a life=5 peer=3
    4.7  in     ACK b life=6 peer=3
    5    check  rpcs=0
    9000 end
  )");
}

TEST(ScenarioIdentity, WhatARestartedClientAskedForEndsWhenNobodyClaimsIt) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    1    in     DATA b length=100 bytes=0-100 life=6 peer=3
    1    event  request b
    1    out    CHALLENGE b to=3
    1.2  in     ANSWER b life=6 peer=3
    4102 event  failed a error=peer-restarted
    4103 check  rpcs=1
    4103 end
  )");
}

// What answers a request from a new address goes there, too.
TEST(ScenarioIdentity, CutoffsGoToWhereTheRequestCameFrom) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5 peer=3
    0    event  request a
    0    out    CHALLENGE a
    0.2  in     ANSWER a life=5 peer=3
    2    in     DATA a length=100 bytes=0-100 life=5 peer=4 cutoffs=7 drop=duplicate
    2    out    CHALLENGE a to=4
    2    out    CUTOFFS a version=1 to=4
    9    end
  )");
}

// Anybody can write any identity into a packet: it is nobody's until a challenge is answered.
TEST(ScenarioIdentity, ForgedIdentitiesEndNothingAndCostOneQuestion) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     BUSY a life=3
    6    in     UNKNOWN x life=4
    6    out    CHALLENGE x
    6    in     UNKNOWN x life=5
    6    in     BUSY x life=6
    6.2  in     ANSWER x life=3                      # the one we know
    7    in     DATA a length=10 bytes=0-10 life=3
    7    event  response a
    7    check  peers=1
    900  end
  )");
}

// The address of a server moved to another host, and back.
TEST(ScenarioIdentity, AHostThatComesBackIsNotRefused) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0.1  in     DATA a length=10 bytes=0-10 life=3
    0.1  event  response a
    1    app    start b length=100
    1    out    DATA b bytes=0-100 ack=a
    1.1  in     DATA b length=10 bytes=0-10 life=4 drop=other-identity
    1.1  out    CHALLENGE b                          # an id can be guessed
    1.2  in     ANSWER b life=4
    1.2  out    RESEND b
    1.3  in     DATA b length=10 bytes=0-10 again life=4
    1.3  event  response b
    2    app    start c length=100
    2    out    DATA c bytes=0-100 ack=b
    2.1  in     DATA c length=10 bytes=0-10 life=3 drop=other-identity
    2.1  out    CHALLENGE c
    2.2  in     ANSWER c life=3
    2.2  out    RESEND c
    2.3  in     DATA c length=10 bytes=0-10 again life=3
    2.3  event  response c
    3    app    start d length=100
    3    out    DATA d bytes=0-100 ack=c
    3.1  in     DATA d length=10 bytes=0-10 life=3
    3.1  event  response d
    900  end
  )");
}

TEST(ScenarioIdentity, AnswersOfAnotherHostAreRefused) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     BUSY a life=3
    6    in     DATA a length=10 bytes=0-10 life=9 peer=8 drop=other-identity   # from elsewhere
    6    in     DATA a length=10 bytes=0-10 drop=other-identity                 # as a kernel
    6    in     ERROR a error=cancelled drop=other-identity
    7    in     DATA a length=10 bytes=0-10 life=3
    7    event  response a
    900  end
  )");
}

TEST(ScenarioIdentity, WhereOursIsNoKernelIsBelieved) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     DATA a length=10 bytes=0-10 life=3
    1    event  response a
    2    in     DATA b length=10 bytes=0-10 drop=other-identity
    3    in     DATA c length=10 bytes=0-10 life=3 ack=c
    3    event  request c
    9    end
  )");
}

// The server knew it. A late UNKNOWN is no reason to give up; one that answers later questions is.
TEST(ScenarioIdentity, ARequestThatTheSameServerKnewIsNeverSentAgain) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     BUSY a life=3
    6    in     UNKNOWN a life=3
    20   out    QUERY a
    20.2 in     STATUS a known=0 life=3
    41   out    QUERY a
    41.2 in     STATUS a known=0 life=3
    82   out    QUERY a
    82.2 in     STATUS a known=0 life=3
    163  out    QUERY a
    163.2 in    STATUS a known=0 life=3
    163.2 event failed a error=cancelled executed=perhaps
    900  end
  )");
}

TEST(ScenarioIdentity, ARequestThatTheServerNeverGotIsSentAgain) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     UNKNOWN a life=3
    5.1  out    DATA a bytes=0-100 again
    5.3  in     ERROR a error=stale-request life=3   # it ran: its response was given up
    5.3  event  failed a error=stale-request executed=perhaps
    900  end
  )");
}

// Its application had the request: the client must not take it for one that never arrived.
TEST(ScenarioIdentity, AServerThatClosedItsSocketSaysCancelledAndNotThatThereIsNone) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=5
    0    event  request a
    0    out    CHALLENGE a
    1    app    close server
    1    out    ERROR a error=cancelled executed=perhaps
    5    in     DATA a length=100 bytes=0-100 again life=5 drop=no-such-port   # that was lost
    5    out    ERROR a error=cancelled executed=perhaps
    6    in     DATA b length=100 bytes=0-100 life=5 drop=no-such-port
    6    out    ERROR b error=no-such-socket executed=no
    9    end
  )");
}

}  // namespace
}  // namespace homa::test
