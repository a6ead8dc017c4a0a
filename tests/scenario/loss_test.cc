// Loss and silence (docs/protocol.md#loss): each situation of captures 11 to 16, 20 and 22, from
// both sides, with the answers that a kernel gives, save where ours differs on purpose.
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

// Capture 11: the server thinks for 50 ms. The kernel asks every 5 ms.
TEST(ScenarioLoss, ASlowServerIsAskedAndSaysBusy) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all priority=7 prio=7
    5.7  in     BUSY a
    21   out    RESEND a offset=0 length=all
    21.4 in     BUSY a
    41.4 out    RESEND a offset=0 length=all
    42   in     BUSY a
    50   in     DATA a length=100 bytes=0-100
    50   event  response a
    53   in     NEED_ACK a
    53   out    ACK a acks=a
    900  end
  )");
}

TEST(ScenarioLoss, AServerAtWorkAnswersResendWithBusy) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    5    in     RESEND a offset=0 length=all
    5    out    BUSY a prio=7
    11   in     RESEND a offset=0 length=all
    11   out    BUSY a
    51   app    reply a length=100
    51   out    DATA a bytes=0-100
    53   out    NEED_ACK a
    53.4 in     ACK a acks=a
    900  end
  )");
}

// Capture 12: the request's only packet is lost.
TEST(ScenarioLoss, ALostRequestIsSentAgainWhenTheServerKnowsNothing) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    6.1  in     UNKNOWN a
    6.1  out    DATA a length=100 bytes=0-100 again prio=7
    8.4  in     DATA a length=100 bytes=0-100
    8.4  event  response a
    900  end
  )");
}

TEST(ScenarioLoss, AServerThatKnowsNothingOfAnRpcSaysSo) {
  run_scenario(R"(
    0    in     RESEND a offset=0 length=all
    0    out    UNKNOWN a prio=7
    1    in     DATA a length=100 bytes=0-100 again
    1    event  request a
    2    app    reply a length=100
    2    out    DATA a bytes=0-100
    4    out    NEED_ACK a
    4.4  in     ACK a acks=a
    900  end
  )");
}

// Packets of low priority wait in the network while others keep our link busy. Ours waits with
// them; the kernel asks, and gets everything twice.
TEST(ScenarioLoss, WhatMayWaitForABusyLinkIsNotAskedFor) {
  ScenarioOptions options;
  options.config.link_bits_per_second = 10'000'000;  // a full packet takes 1.2 ms
  options.known_peers = 2;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     DATA b length=10000 incoming=10000 bytes=0-1424 peer=2
    2.2  in     DATA b length=10000 bytes=1424-2848 peer=2
    3.4  in     DATA b length=10000 bytes=2848-4272 peer=2
    4.6  in     DATA b length=10000 bytes=4272-5696 peer=2
    5.8  in     DATA b length=10000 bytes=5696-7120 peer=2
    7    in     DATA b length=10000 bytes=7120-8544 peer=2
    8.2  in     DATA b length=10000 bytes=8544-10000 peer=2
    8.2  event  request b
    20   out    RESEND a offset=0 length=all        # the link has fallen idle meanwhile
    20.1 in     DATA a length=100 bytes=0-100
    20.1 event  response a
    21   end
  )",
               options);
}

TEST(ScenarioLoss, AResponseThatMayWaitForABusyLinkIsNotAskedForByItsNeedAck) {
  ScenarioOptions options;
  options.config.link_bits_per_second = 10'000'000;
  options.known_peers = 2;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     DATA b length=30000 incoming=30000 bytes=0-4272 peer=2
    4.6  in     DATA b length=30000 bytes=4272-8544 peer=2
    5    in     NEED_ACK a
    5    out    BUSY a
    6    end
  )",
               options);
}

TEST(ScenarioLoss, ABusyLinkIsAnExcuseForHalfATimeout) {
  ScenarioOptions options;
  options.config.link_bits_per_second = 10'000'000;
  options.config.timeout_ticks = 20;
  options.known_peers = 2;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     DATA b length=30000 incoming=30000 bytes=0-4272 peer=2
    4.6  in     DATA b length=30000 bytes=4272-8544 peer=2
    8.2  in     DATA b length=30000 bytes=8544-12816 peer=2
    11.8 in     DATA b length=30000 bytes=12816-17088 peer=2
    15   out    RESEND a offset=0 length=all
    15.1 in     DATA a length=100 bytes=0-100
    15.1 event  response a
    16   end
  )",
               options);
}

// Capture 13: the response's only packet is lost. The kernel repeats its answer to every RESEND.
TEST(ScenarioLoss, ALostResponseIsAskedForWhenTheServerWantsItsAck) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    4.6  in     NEED_ACK a
    4.6  out    RESEND a offset=0 length=all
    6.4  in     DATA a length=100 bytes=0-100 again
    6.4  event  response a
    7.0  in     DATA a length=100 bytes=0-100 again drop=unknown-RPC
    7.2  in     NEED_ACK a
    7.2  out    ACK a acks=a
    900  end
  )");
}

// A NEED_ACK has the highest priority. While data of its sender arrives, what is missing may be
// behind it; if it is lost, it is asked for as soon as without NEED_ACK.
TEST(ScenarioLoss, ANeedAckThatOvertookDataAsksForNothing) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    4    in     DATA a length=5000 incoming=5000 bytes=0-1424
    5    in     NEED_ACK a
    5    out    BUSY a
    5.1  in     DATA a length=5000 incoming=5000 bytes=1424-2848
    6    in     NEED_ACK a
    6    out    BUSY a
    11   out    RESEND a offset=2848 length=2152
    11.8 in     DATA a length=5000 incoming=5000 bytes=2848-5000 again
    11.8 event  response a
    13   end
  )");
}

TEST(ScenarioLoss, AServerSendsALostResponseAgain) {
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    1.5  app    reply a length=100
    1.5  out    DATA a bytes=0-100
    3.5  out    NEED_ACK a
    4.2  in     RESEND a offset=0 length=all
    4.2  out    DATA a length=100 bytes=0-100 again prio=7
    4.8  in     ACK a acks=a
    900  end
  )");
}

// Capture 14: a packet in the middle of 20 KB is lost.
TEST(ScenarioLoss, AGapIsAskedForByItsBytes) {
  run_scenario(R"(
    0    in     DATA a length=20000 bytes=0-5696
    0.5  in     DATA a length=20000 bytes=7120-20000
    4    in     RESEND a offset=0 length=all       # the client is impatient for the response
    4    out    BUSY a
    5.5  out    RESEND a offset=5696 length=1424 priority=7
    6.1  in     DATA a length=20000 bytes=5696-7120 again
    6.1  event  request a length=20000
    900  end
  )");
}

TEST(ScenarioLoss, TwoGapsAndATailAreThreeResends) {
  run_scenario(R"(
    0    in     DATA a length=20000 bytes=0-1424
    0    in     DATA a length=20000 bytes=2848-4272
    0    in     DATA a length=20000 bytes=7120-8544
    5    out    RESEND a offset=1424 length=1424
    5    out    RESEND a offset=4272 length=2848
    5    out    RESEND a offset=8544 length=11456
    6    in     DATA a length=20000 bytes=8544-20000 again
    11   out    RESEND a offset=1424 length=1424
    11   out    RESEND a offset=4272 length=2848
    11.5 in     DATA a length=20000 bytes=4272-7120 again
    11.5 in     DATA a length=20000 bytes=1424-2848 again
    11.5 event  request a
    900  end
  )");
}

TEST(ScenarioLoss, AClientResendsOnTheOriginalBoundaries) {
  run_scenario(R"(
    0    app    start a length=20000
    0    out    DATA a incoming=20000 bytes=0-20000 prio=4
    5    out    RESEND a offset=0 length=all
    5.6  in     BUSY a
    9.5  in     RESEND a offset=5696 length=1424
    9.5  out    DATA a length=20000 bytes=5696-7120 again prio=7
    12   in     RESEND a offset=6000 length=100            # within a packet: all of it
    12   out    DATA a bytes=5696-7120 again
    13   in     DATA a length=100 bytes=0-100
    13   event  response a
    900  end
  )");
}

// Capture 15: the last packet is lost.
TEST(ScenarioLoss, ATailIsAskedForByItsBytes) {
  run_scenario(R"(
    0    in     DATA a length=20000 bytes=0-19936
    5    out    RESEND a offset=19936 length=64
    6.2  in     DATA a length=20000 bytes=19936-20000 again
    6.2  event  request a length=20000
    900  end
  )");
}

// Capture 16: every grant is lost for a while; RESEND for what is granted works as a grant.
TEST(ScenarioLoss, AResendBeyondTheLimitCountsAsAGrant) {
  run_scenario(R"(
    0    app    start a length=100000
    0    out    DATA a incoming=40000 bytes=0-40000 prio=4
    5    out    RESEND a offset=0 length=all
    5.3  in     BUSY a
    6    in     RESEND a offset=40000 length=60000 priority=7
    6    out    BUSY a                               # nothing of it is to be sent again
    6    out    DATA a bytes=40000-100000            # new data: not flagged
    7    in     GRANT a offset=100000 priority=0     # late
    9    in     DATA a length=100 bytes=0-100
    9    event  response a
    900  end
  )");
}

TEST(ScenarioLoss, AReceiverAsksForWhatItGrantedAndDidNotGet) {
  run_scenario(R"(
    0    in     DATA a length=100000 incoming=40000 bytes=0-40000
    0    out    GRANT a offset=100000 priority=0
    5    out    RESEND a offset=40000 length=60000 priority=7
    6    in     DATA a length=100000 incoming=100000 bytes=40000-100000
    6    event  request a length=100000
    900  end
  )");
}

TEST(ScenarioLoss, AResendForBytesThatMayNotGoYetIsAnsweredBusy) {
  run_scenario(R"(
    0    app    start a length=100000
    0    out    DATA a bytes=0-40000
    3    in     RESEND a offset=40000 length=0
    3    out    BUSY a prio=7
    4    end
  )");
}

// Capture 20: no server on that port. A kernel answers with ICMP; ours with an ERROR packet, at
// once.
TEST(ScenarioLoss, NoServerOnThatPort) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a offset=0 length=all
    9.9  icmp   port a
    9.9  event  failed a error=no-such-socket
    9.9  event  done a
    9.9  check  rpcs=0
    20   app    start b length=100
    20   out    DATA b bytes=0-100
    20.1 in     ERROR b error=no-such-socket
    20.1 event  failed b error=no-such-socket
    900  end
  )");
}

TEST(ScenarioLoss, NoHomaAtThePeerFailsAllRpcsToIt) {
  ScenarioOptions options;
  options.known_peers = 2;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    0    app    start c length=100 peer=2
    0    out    DATA c bytes=0-100 to=2
    1    icmp   protocol a
    1    event  failed a error=peer-unreachable
    1    out    RESEND b offset=0 length=all     # is that true?
    1.1  icmp   protocol b
    1.1  event  failed b error=peer-unreachable
    1.1  check  rpcs=1
    2    in     DATA c length=10 bytes=0-10
    2    event  response c
    900  end
  )",
               options);
}

// Anybody can send such a message. It makes us ask.
TEST(ScenarioLoss, AnIcmpMessageThatQuotesNoPacketOfOursEndsNothing) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    icmp   protocol
    1    out    RESEND a offset=0 length=all
    1.2  in     BUSY a life=3
    1.5  icmp   port
    1.5  out    RESEND a offset=0 length=all
    1.6  in     BUSY a life=3
    2    in     DATA a length=10 bytes=0-10 life=3
    2    event  response a
    3    icmp   protocol                         # nothing to ask about
    9    end
  )");
}

TEST(ScenarioLoss, AHundredSilentTicksEndAnRpc) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a
    10   out    RESEND a
    15   out    RESEND a
    20   out    RESEND a
    25   out    RESEND a
    30   out    RESEND a
    35   out    RESEND a
    40   out    RESEND a
    45   out    RESEND a
    50   out    RESEND a
    55   out    RESEND a
    60   out    RESEND a
    65   out    RESEND a
    70   out    RESEND a
    75   out    RESEND a
    80   out    RESEND a
    85   out    RESEND a
    90   out    RESEND a
    95   out    RESEND a
    100  event  failed a error=peer-silent
    100  check  rpcs=0
    9000 end
  )");
}

TEST(ScenarioLoss, AHalfArrivedRequestIsGivenUp) {
  ScenarioOptions options;
  options.config.timeout_ticks = 8;
  options.config.timeout_questions = 3;
  run_scenario(R"(
    0    in     DATA a length=5000 bytes=0-1424
    5    out    RESEND a offset=1424 length=3576
    10   out    RESEND a offset=1424 length=3576
    15   out    RESEND a offset=1424 length=3576
    16   check  rpcs=1
    20   check  rpcs=0 region=0 granted=0
    900  end
  )",
               options);
}

TEST(ScenarioLoss, UnknownMakesAServerForgetTheRpc) {
  run_scenario(R"(
    0    in     DATA a length=5000 bytes=0-1424
    1    in     UNKNOWN a
    1    check  rpcs=0 region=0 granted=0
    2    in     DATA b length=100 bytes=0-100
    2    event  request b
    3    app    reply b length=100
    3    out    DATA b bytes=0-100
    5    out    NEED_ACK b
    5.1  in     UNKNOWN b
    5.1  check  rpcs=0
    900  end
  )");
}

TEST(ScenarioLoss, StrayPacketsAreIgnoredAndNeedAckIsAlwaysAnswered) {
  run_scenario(R"(
    0    app    start a length=10
    0    out    DATA a bytes=0-10
    1    in     DATA a length=10 bytes=0-10
    1    event  response a
    2    in     GRANT a offset=100
    2    in     BUSY a
    2    in     UNKNOWN a
    2    in     ERROR a error=cancelled
    2    in     DATA a length=10 bytes=0-10 drop=unknown-RPC
    3    in     NEED_ACK a
    3    out    ACK a acks=a
    4    in     NEED_ACK a                 # that ACK was lost
    4    out    ACK a
    900  end
  )");
}

// A receiver that withholds grants knows why its sender is silent, and says so when it is asked.
TEST(ScenarioLoss, SilenceIsExcusedWhileGrantsAreWithheld) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  run_scenario(R"(
    0    in     DATA a length=50000 incoming=1424 bytes=0-1424
    0    out    GRANT a offset=11424
    0    in     DATA b length=90000 incoming=1424 bytes=0-1424    # must wait for a
    3    in     DATA a length=50000 incoming=11424 bytes=1424-2848
    3    out    GRANT a offset=12848
    5    in     RESEND b offset=0 length=all                      # b's client has grown impatient
    5    out    BUSY b
    7    in     DATA a length=50000 incoming=11424 bytes=2848-4272
    7    out    GRANT a offset=14272
    11   in     DATA a length=50000 incoming=11424 bytes=4272-5696
    11   out    GRANT a offset=15696
    12   end
  )",
               options);
}

// Bytes that were sent within the last tick are not sent again.
TEST(ScenarioLoss, NothingIsResentThatWasJustSent) {
  run_scenario(R"(
    3    app    start b length=5000
    3    out    DATA b bytes=0-1424
    3    out    DATA b bytes=1424-5000
    3.9  in     RESEND b offset=1424 length=1424   # asked before they can have arrived
    4.2  in     RESEND b offset=1424 length=1424
    4.2  out    DATA b bytes=1424-2848 again
    5    end
  )");
}

}  // namespace
}  // namespace homa::test
