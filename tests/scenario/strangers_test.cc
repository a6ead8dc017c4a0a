// Peers that have not proved that they receive at their address: what they get, and who gives way
// (docs/protocol.md#amplification, #slots).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

ScenarioOptions strangers() {
  ScenarioOptions options;
  options.known_peers = 0;
  return options;
}

// A request of 100 bytes is a packet of 156: 468 may go back, 36 of them in the question.
TEST(ScenarioStrangers, AShortResponseGoesAtOnce) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=376
    0    out    DATA a length=376 incoming=376 bytes=0-376
    0.1  in     ANSWER a life=7
    0.2  in     ACK a acks=a life=7
    0.2  event  done a
    900  end
  )",
               strangers());
}

TEST(ScenarioStrangers, ALongResponseBeginsAtOnceAndGoesOnWithTheProof) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=10000
    0    out    DATA a length=10000 incoming=376 bytes=0-376
    0.1  in     GRANT a offset=10000 priority=3 life=7
    0.1  in     ANSWER a life=7
    0.1  out    DATA a length=10000 bytes=376-10000 prio=3
    0.2  in     ACK a acks=a life=7
    0.2  event  done a
    900  end
  )",
               strangers());
}

// The handler took longer than a round trip: the first call is like any other.
TEST(ScenarioStrangers, AfterTheProofNothingIsHeldBack) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7
    0    event  request a
    0    out    CHALLENGE a
    0.1  in     ANSWER a life=7
    0.2  app    reply a length=30000
    0.2  out    DATA a length=30000 incoming=30000 bytes=0-30000
    0.3  in     DATA b length=100 bytes=0-100 life=7 ack=a
    0.3  event  request b
    0.3  event  done a
    900  end
  )",
               strangers());
}

// Whoever forges grants and RESENDs in a stranger's name gets three times their bytes.
TEST(ScenarioStrangers, GrantsAndResendsOfAStrangerGiveNoMoreThanTheirBytes) {
  ScenarioOptions options = strangers();
  options.config.need_ack_give_up = std::chrono::milliseconds(10);
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=1000000
    0    out    DATA a bytes=0-376 incoming=376
    1    in     GRANT a offset=1000000 life=7              # 33 bytes
    2    in     RESEND a offset=0 length=all life=7        # 37 bytes
    2    out    BUSY a
    3    in     RESEND a offset=0 length=1000000 life=7
    3    out    BUSY a
    6    in     GRANT a offset=1000000 life=7
    6    out    CHALLENGE a
    6    app    abort a error=cancelled
    6    out    ERROR a
    6    event  done a
    900  end
  )",
               options);
}

// A lost short response is sent again when its client asks.
TEST(ScenarioStrangers, AShortResponseIsRepaired) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=100
    0    out    DATA a bytes=0-100
    1.9  in     RESEND a offset=0 length=all life=7
    1.9  out    DATA a bytes=0-100 again
    1.95 in     ACK a acks=a life=7
    1.95 event  done a
    900  end
  )",
               strangers());
}

// Three packets for one: the question, the response and a NEED_ACK.
TEST(ScenarioStrangers, ASilentStrangerIsHardlyAsked) {
  ScenarioOptions options = strangers();
  options.config.need_ack_give_up = std::chrono::milliseconds(100);
  run_scenario(R"(
    0    in     DATA a length=1 bytes=0-1 life=7
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=1
    0    out    DATA a bytes=0-1
    2    out    NEED_ACK a
    140  check  rpcs=0
    140  event  done a
    900  end
  )",
               options);
}

TEST(ScenarioStrangers, AKernelIsBelievedIfItIsToBe) {
  ScenarioOptions options = strangers();
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    reply a length=1000
    0    out    DATA a length=1000 bytes=0-1000
    1    in     ACK a acks=a
    1    event  done a
    900  end
  )",
               options);
  options.config.trust_kernel_peers = false;
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    reply a length=1000
    0    out    DATA a length=1000 incoming=412 bytes=0-412
    1    in     ACK a acks=a
    1    event  done a
    900  end
  )",
               options);
}

// All slots for requests are taken by responses that nobody acknowledges: the oldest of strangers
// gives way.
TEST(ScenarioStrangers, AnUnacknowledgedResponseToAStrangerGivesWay) {
  ScenarioOptions options = strangers();
  options.config.rpcs_max = 4;  // three for requests
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7 peer=1
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    0    in     DATA b length=100 bytes=0-100 life=8 peer=2
    0    event  request b
    0    out    CHALLENGE b
    0    app    reply b length=10
    0    out    DATA b bytes=0-10
    0    in     DATA c length=100 bytes=0-100 life=9 peer=3
    0    event  request c
    0    out    CHALLENGE c
    1    in     DATA d length=100 bytes=0-100 life=10 peer=4
    1    event  done a
    1    event  request d
    1    out    CHALLENGE d
    1    in     DATA e length=100 bytes=0-100 life=10 peer=4
    1    event  done b
    1    event  request e
    1    in     DATA f length=100 bytes=0-100 life=10 peer=4 drop=overloaded
    1    out    ERROR f error=overloaded
    1    check  rpcs=3
  )",
               options);
}

// Half-sent requests of strangers have an eighth of the memory. The oldest gives way: whoever
// receives what is sent to it has proved that by then.
TEST(ScenarioStrangers, HalfSentRequestsGiveWayToEachOther) {
  ScenarioOptions options = strangers();
  options.config.message_bytes_max = 4'096;
  options.config.receive_region_bytes = 16 * 4'096;  // two for strangers
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=0-1424 life=7 peer=1
    0    out    CHALLENGE a
    0    in     DATA b length=4000 bytes=0-1424 life=8 peer=2
    0    out    CHALLENGE b
    0.1  in     ANSWER b life=8
    0.2  in     DATA c length=4000 bytes=0-1424 life=9 peer=3
    0.2  out    CHALLENGE c
    0.2  check  rpcs=2
    0.3  in     DATA d length=4000 bytes=0-1424 life=10 peer=4
    0.3  out    CHALLENGE d
    0.3  check  rpcs=3
    0.4  in     DATA b length=4000 bytes=1424-4000 life=8
    0.4  event  request b
    0.5  in     DATA a length=4000 bytes=1424-4000 life=7 peer=1   # c gives way
    0.5  check  rpcs=3
  )",
               options);
}

// A request that is refused costs no record of its peer.
TEST(ScenarioStrangers, WhoseRequestsAreRefusedIsNotRemembered) {
  ScenarioOptions options = strangers();
  options.config.message_bytes_max = 1'000;
  run_scenario(R"(
    0    in     DATA a length=2000 bytes=0-100 life=7 drop=too-long
    0    out    ERROR a error=message-too-long
    0    check  peers=0 rpcs=0
    9    end
  )",
               options);
}

// Those without RPCs give way at once, and what they had run is remembered.
TEST(ScenarioStrangers, APeerThatGaveWayRunsNothingTwice) {
  ScenarioOptions options = strangers();
  options.config.peers_max = 1;
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 life=7 peer=1
    0    event  request a
    0    out    CHALLENGE a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    1    in     ACK a acks=a life=7
    1    event  done a
    2    in     DATA b length=100 bytes=0-100 life=8 peer=2
    2    event  request b
    2    out    CHALLENGE b
    2    check  peers=1
    3    in     DATA a length=100 bytes=0-100 life=7 again drop=finished
    3    out    ERROR a error=stale-request
    3    app    abort b error=cancelled
    3    out    ERROR b
    900  end
  )",
               options);
}

// As many hosts as there are slots got a response each, and acknowledge nothing. Who was asked five
// times in vain gives way to a newcomer.
TEST(ScenarioStrangers, ResponsesThatNobodyAcknowledgesGiveWayHoweverManyClientsTheyAreOf) {
  ScenarioOptions options;
  options.config.rpcs_max = 4;  // three of them for requests
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100 peer=3
    0    event  request a
    0    app    reply a length=10
    0    out    DATA a bytes=0-10
    0    in     DATA b length=100 bytes=0-100 peer=4
    0    event  request b
    0    app    reply b length=10
    0    out    DATA b bytes=0-10
    0    in     DATA c length=100 bytes=0-100 peer=5
    0    event  request c
    0    app    reply c length=10
    0    out    DATA c bytes=0-10
    2    out    NEED_ACK a
    2    out    NEED_ACK b
    2    out    NEED_ACK c
    3    out    NEED_ACK a
    3    out    NEED_ACK b
    3    out    NEED_ACK c
    5    out    NEED_ACK a
    5    out    NEED_ACK b
    5    out    NEED_ACK c
    9    out    NEED_ACK a
    9    out    NEED_ACK b
    9    out    NEED_ACK c
    12   in     DATA d length=100 bytes=0-100 peer=6 drop=overloaded
    12   out    ERROR d error=overloaded
    17   out    NEED_ACK a
    17   out    NEED_ACK b
    17   out    NEED_ACK c
    19   in     DATA e length=100 bytes=0-100 peer=7
    19   event  done a
    19   event  request e
    19.5 end
  )",
               options);
}

}  // namespace
}  // namespace homa::test
