// An RPC from end to end, acks, and that no request runs twice (docs/protocol.md#rpc).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

// Capture 10, seen from the client.
TEST(ScenarioRpc, ClientOfAShortRpcAcksWhenAsked) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a length=100 incoming=100 bytes=0-100 prio=7 cutoffs=1
    1.1  in     DATA a length=100 bytes=0-100
    1.1  event  response a length=100
    1.1  event  done a
    1.1  check  rpcs=0 region=0
    3.8  in     NEED_ACK a
    3.8  out    ACK a acks=a prio=7
    9000 end
  )");
}

// Capture 10, seen from the server.
TEST(ScenarioRpc, ServerKeepsTheResponseUntilItIsAcked) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a length=100
    1    app    reply a length=100
    1    out    DATA a length=100 incoming=100 bytes=0-100 prio=7
    3    out    NEED_ACK a prio=7
    3.2  check  rpcs=1
    3.4  in     ACK a acks=a
    3.4  event  done a
    3.4  check  rpcs=0 region=0
    9000 end
  )");
}

// Captures 02 and 23: each request carries the ack of the RPC before it.
TEST(ScenarioRpc, AcksRideOnLaterRequests) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     DATA a length=100 bytes=0-100
    1    event  response a
    2    app    start b length=100
    2    out    DATA b bytes=0-100 ack=a
    3    in     DATA b length=100 bytes=0-100
    3    event  response b
    4    app    start c length=100
    4    out    DATA c bytes=0-100 ack=b
    5    in     DATA c length=100 bytes=0-100
    5    event  response c
    8    in     NEED_ACK c
    8    out    ACK c acks=c
    9000 end
  )");
}

TEST(ScenarioRpc, AnAckThatRidesEndsTheServersSide) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    reply a length=50
    0    out    DATA a length=50 bytes=0-50
    1    in     DATA b length=100 bytes=0-100 ack=a
    1    event  request b
    1    event  done a
    1    check  rpcs=1
    900  end
  )");
}

// Capture 06: five are owed, the sixth response makes an ACK packet that carries all six.
TEST(ScenarioRpc, FiveOwedAcksMakeAPacket) {
  run_scenario(R"(
    0    app    start a length=10
    0    out    DATA a bytes=0-10
    0    app    start b length=10
    0    out    DATA b bytes=0-10
    0    app    start c length=10
    0    out    DATA c bytes=0-10
    0    app    start d length=10
    0    out    DATA d bytes=0-10
    0    app    start e length=10
    0    out    DATA e bytes=0-10
    0    app    start f length=10
    0    out    DATA f bytes=0-10
    1    in     DATA a length=10 bytes=0-10
    1    event  response a
    1    in     DATA b length=10 bytes=0-10
    1    event  response b
    1    in     DATA c length=10 bytes=0-10
    1    event  response c
    1    in     DATA d length=10 bytes=0-10
    1    event  response d
    1    in     DATA e length=10 bytes=0-10
    1    event  response e
    1    in     DATA f length=10 bytes=0-10
    1    event  response f
    1    out    ACK f acks=a,b,c,d,e
    9000 end
  )");
}

TEST(ScenarioRpc, AnAckPacketEndsAllThatItNames) {
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10
    0    event  request a
    0    in     DATA b length=10 bytes=0-10
    0    event  request b
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    0    app    reply b length=10
    0    out    DATA b bytes=0-10
    1    in     ACK a acks=b
    1    check  rpcs=0
    900  end
  )");
}

// The kernel repeats NEED_ACK every millisecond for ever; ours doubles the interval and gives up.
TEST(ScenarioRpc, NeedAckBacksOffAndEnds) {
  ScenarioOptions options;
  options.config.need_ack_backoff_max = std::chrono::milliseconds(16);
  options.config.need_ack_give_up = std::chrono::milliseconds(50);
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10
    0    event  request a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    2    out    NEED_ACK a
    3    out    NEED_ACK a
    5    out    NEED_ACK a
    9    out    NEED_ACK a
    17   out    NEED_ACK a
    33   out    NEED_ACK a
    49   out    NEED_ACK a
    70   check  rpcs=0
    70   event  done a
    9000 end
  )",
               options);
}

TEST(ScenarioRpc, RequestsArriveInAnyOrderAndPartlyTwice) {
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=1424-2848
    0.1  in     DATA a length=4000 bytes=2848-4000
    0.2  in     DATA a length=4000 bytes=2848-4000 drop=duplicate
    0.3  in     DATA a length=4000 bytes=1000-1500    # the kernel drops what overlaps
    0.4  in     DATA a length=4000 bytes=0-1100
    0.4  event  request a length=4000
    0.5  in     DATA a length=4000 bytes=0-1424 drop=duplicate
    900  end
  )");
}

// A kernel's first transmissions name their offset in one field only, its retransmissions in both.
TEST(ScenarioRpc, AKernelsOffsetsAreUnderstood) {
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=0-1424 implicit
    0    in     DATA a length=4000 bytes=2848-4000 implicit
    5    out    RESEND a offset=1424 length=1424
    6    in     DATA a length=4000 bytes=1424-2848 again
    6    event  request a length=4000
    900  end
  )");
}

TEST(ScenarioRpc, ARequestBeyondTheServersCapacityIsRefused) {
  ScenarioOptions options;
  options.config.served_rpcs_per_port_max = 1;
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    1    in     DATA b length=100 bytes=0-100 drop=overloaded
    1    out    ERROR b error=overloaded
    2    app    reply a length=10
    2    out    DATA a bytes=0-10
    3    in     DATA c length=100 bytes=0-100 ack=a
    3    event  request c
    900  end
  )",
               options);
}

TEST(ScenarioRpc, IdlePeersAreForgottenWhenThereAreMany) {
  ScenarioOptions options;
  options.known_peers = 0;
  options.config.peers_max = 1;
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10 peer=1
    0    event  request a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    1    in     ACK a acks=a
    1    check  peers=1 rpcs=0
    5000 in     DATA b length=10 bytes=0-10 peer=2
    5000 event  request b
    5000 check  peers=1
    5001 end
  )",
               options);
}

TEST(ScenarioRpc, ARequestRunsOnlyOnce) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    1    in     DATA a length=100 bytes=0-100 drop=duplicate        # the application works on it
    2    app    reply a length=10
    2    out    DATA a bytes=0-10
    3    in     DATA a length=100 bytes=0-100 again drop=duplicate  # answered, not acked
    3.5  in     ACK a acks=a
    3.5  check  rpcs=0
    4    in     DATA a length=100 bytes=0-100 drop=finished         # a copy the network made
    5    in     DATA a length=100 bytes=0-100 again drop=finished   # its client asks for it
    5    out    ERROR a error=stale-request
    900  end
  )");
}

TEST(ScenarioRpc, OldRequestsStayRefusedWhenTheirIdsAreForgotten) {
  ScenarioOptions options;
  options.config.finished_ids_max = 2;
  run_scenario(R"(
    0    in     DATA a length=10 bytes=0-10 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    1    in     DATA b length=10 bytes=0-10 life=7 ack=a
    1    event  request b
    1    app    reply b length=10
    1    out    DATA b bytes=0-10
    2    in     DATA c length=10 bytes=0-10 life=7 ack=b
    2    event  request c
    2    app    reply c length=10
    2    out    DATA c bytes=0-10
    3    in     DATA d length=10 bytes=0-10 life=7 ack=c    # a is the third last: forgotten
    3    event  request d
    4    in     DATA a length=10 bytes=0-10 life=7 again drop=finished
    4    out    ERROR a error=stale-request
    100  end
  )",
               options);
}

TEST(ScenarioRpc, LengthsThatCannotBeAreRefused) {
  run_scenario(R"(
    0    app    start a length=0 as=invalid-argument
    0    app    start a length=1000001 as=message-too-long
    0    in     DATA b length=1000001 bytes=0-1424 drop=too-long
    0    out    ERROR b error=message-too-long
    1    in     DATA c length=3000 bytes=0-1424
    1    in     DATA c length=2900 bytes=1424-2848 drop=mismatch
    1    in     DATA c length=2900 bytes=2800-3000 drop=malformed  # beyond what it says itself
    1    in     DATA c length=3000 bytes=1424-3000
    1    event  request c length=3000
    2    app    reply c length=0 as=invalid-argument
    2    app    reply c length=1
    2    out    DATA c length=1 bytes=0-1
    2    app    reply c length=1 as=invalid-argument
    3    in     ACK c acks=c
    3    app    reply c length=1 as=no-such-RPC
    900  end
  )");
}

TEST(ScenarioRpc, AnAbortedRpcTellsItsServer) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    app    abort a error=cancelled report
    1    out    ERROR a error=cancelled
    1    event  failed a error=cancelled
    1    event  done a
    1    check  rpcs=0
    2    app    abort a error=cancelled as=no-such-RPC
    3    in     DATA a length=100 bytes=0-100 drop=unknown-RPC
    4    app    start b length=100
    4    out    DATA b bytes=0-100
    5    app    abort b error=timeout
    5    out    ERROR b error=timeout
    900  end
  )");
}

TEST(ScenarioRpc, AServersRefusalEndsTheRpcAtItsClient) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     ERROR a error=no-such-socket executed=no
    1    event  failed a error=no-such-socket executed=no
    1    check  rpcs=0
    900  end
  )");
}

TEST(ScenarioRpc, AServerThatAbortsARequestSaysThatItHadIt) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    1    app    abort a error=overloaded
    1    out    ERROR a error=overloaded executed=perhaps
    2    app    start b length=100
    2    out    DATA b bytes=0-100
    3    in     ERROR b error=overloaded executed=perhaps
    3    event  failed b error=overloaded executed=perhaps
    900  end
  )");
}

// The engine that refuses the request may not be the one that has executed it.
TEST(ScenarioRpc, ARefusalByAnEngineThatRestartedSaysNothingOfTheOneBefore) {
  run_scenario(R"(
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    1    in     DATA b length=10 bytes=0-10 life=3
    1    event  response b
    2    app    start a length=100
    2    out    DATA a bytes=0-100 ack=b
    3    in     ERROR a error=no-such-socket executed=no life=4 drop=other-identity
    3    out    CHALLENGE a
    4    in     ANSWER a life=4
    4    out    RESEND a
    5    in     ERROR a error=no-such-socket executed=no life=4
    5    event  failed a error=no-such-socket executed=perhaps
    900  end
  )");
}

TEST(ScenarioRpc, ARequestThatDidNotLeaveWholeWasNotExecuted) {
  run_scenario(R"(
    0    app    start a length=200000
    0    out    DATA a bytes=0-40000
    1    app    abort a error=cancelled report
    1    out    ERROR a error=cancelled
    1    event  failed a error=cancelled executed=no
    900  end
  )");
}

// What its host says: there is no Homa any more (its engine was killed), or there never was one.
TEST(ScenarioRpc, AnEngineThatDiedIsNotOneThatNeverWas) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     BUSY a life=3
    6    icmp   protocol a
    6    event  failed a error=peer-gone executed=perhaps
    7    app    start b length=100 peer=2
    7    out    DATA b bytes=0-100 to=2
    8    icmp   protocol b
    8    event  failed b error=peer-unreachable executed=perhaps
    900  end
  )");
}

// The packet that ICMP quotes did not arrive, so the server has the request only if it went twice.
TEST(ScenarioRpc, ARequestWhosePacketWasRefusedWasNotExecutedUnlessItWentTwice) {
  run_scenario(R"(
    0    app    start a length=100 peer=2
    0    out    DATA a bytes=0-100 to=2
    1    icmp   protocol a data
    1    event  failed a error=peer-unreachable executed=no
    2    app    start b length=100 peer=3
    2    out    DATA b bytes=0-100 to=3
    3    in     RESEND b offset=0 length=100 peer=3
    3    out    DATA b bytes=0-100 again to=3
    4    icmp   protocol b data
    4    event  failed b error=peer-gone executed=perhaps
    900  end
  )");
}

TEST(ScenarioRpc, AClientsCancellationReachesTheServersApplication) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    1    in     ERROR a error=cancelled
    1    event  failed a error=cancelled
    1    check  rpcs=0
    2    app    reply a length=10 as=no-such-RPC
    900  end
  )");
}

TEST(ScenarioRpc, AClosedPortEndsItsRpcsAndRefusesNewOnes) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    1    app    close server
    1    out    ERROR a error=cancelled executed=perhaps
    2    in     DATA c length=100 bytes=0-100 drop=no-such-port
    2    out    ERROR c error=no-such-socket executed=no
    3    app    close client
    3    out    ERROR b error=cancelled
    3    check  rpcs=0 region=0
    900  end
  )");
}

TEST(ScenarioRpc, AServerThatRestartedIsNotAskedToRunARequestAgain) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    5.1  in     BUSY a life=3                # the server has it
    20   out    QUERY a
    22   in     STATUS a known=0 life=4 drop=other-identity  # killed, and started anew
    22   out    CHALLENGE a
    23   in     ANSWER a life=4
    23   event  failed a error=peer-restarted
    900  end
  )");
}

// The life that asked for the request again may have run it: the next one must not.
TEST(ScenarioRpc, AServerThatAskedForARequestAndRestartedDoesNotGetItOnceMore) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    6    in     UNKNOWN a life=3             # its first packet was lost
    6    out    DATA a bytes=0-100 again
    11   out    RESEND a offset=0 length=all
    12   in     UNKNOWN a life=4 drop=other-identity
    12   out    CHALLENGE a
    13   in     ANSWER a life=4
    13   out    RESEND a
    14   in     UNKNOWN a life=4
    14   event  failed a error=peer-restarted
    900  end
  )");
}

// Sent before anything was known of the server, whose first life we met by another RPC.
TEST(ScenarioRpc, ARequestFromBeforeAServersFirstAnswerMayHaveRunInItsFirstLife) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    app    start b length=100
    1    out    DATA b bytes=0-100
    2    in     DATA b length=100 bytes=0-100 life=3
    2    event  response b
    5    out    RESEND a offset=0 length=all
    6    in     UNKNOWN a life=4 drop=other-identity
    6    out    CHALLENGE a
    7    in     ANSWER a life=4
    7    out    RESEND a
    8    in     UNKNOWN a life=4
    8    event  failed a error=peer-restarted
    900  end
  )");
}

// What a peer says of its limit holds for later messages to it.
TEST(ScenarioRpc, TheLimitOfAPeerIsLearntFromItsRefusal) {
  ScenarioOptions options;
  options.config.message_bytes_max = 4'000'000;
  run_scenario(R"(
    0    app    start a length=2000000
    0    out    DATA a length=2000000 bytes=0-40000
    1    in     ERROR a error=message-too-long executed=no limit=1500000
    1    event  failed a error=message-too-long executed=no
    1    event  done a
    2    app    start b length=1500001 as=message-too-long
    3    app    start c length=1500000
    3    out    DATA c length=1500000 bytes=0-40000
    4    in     ERROR c error=cancelled executed=no
    4    event  failed c
    4    event  done c
    5    in     DATA d length=10 bytes=0-10
    5    event  request d
    6    app    reply d length=1500001 as=message-too-long
    6    out    ERROR d error=message-too-long limit=4000000
    6    event  failed d
    900  end
  )",
               options);
}

// A kernel drops messages of more than 1,000,000 bytes without a word.
TEST(ScenarioRpc, TheLimitOfAKernelIsKnown) {
  ScenarioOptions options;
  options.config.message_bytes_max = 4'000'000;
  options.known_peers = 0;
  run_scenario(R"(
    0    app    start a length=1000001
    0    out    DATA a length=1000001 bytes=0-40000
    5    out    RESEND a
    5.2  in     UNKNOWN a life=0
    5.2  event  failed a error=message-too-long executed=no
    5.2  event  done a
    6    app    start b length=1000001 as=message-too-long
    900  end
  )",
               options);
}

}  // namespace
}  // namespace homa::test
