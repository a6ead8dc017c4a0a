#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>

#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/defaults.h"
#include "engine/fake_network.h"

namespace homa::engine {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

constexpr std::uint16_t kServerPort = 4000;

// A host with one engine; steps by hand.
struct TestHost {
  TestHost(FakeNetwork& network, const Address& address, std::uint64_t bits_per_second = 0)
      : local(address) {
    auto owned = std::make_unique<FakeIo>(network, address);
    io = owned.get();
    core::CoreConfig config = defaults_for(owned->capabilities());
    config.receive_region_bytes = 8 << 20;
    config.link_bits_per_second = bits_per_second;
    wake = base::Descriptor(channel::create_descriptor().value());
    const std::uint64_t seed = local.ip.back();  // hosts with one seed have the same secrets
    engine =
        Engine::create(config, std::move(owned), seed, wake.get(), coalesce_for(config)).value();
  }

  std::unique_ptr<ApplicationEnd> open(std::uint16_t port) {
    regions.push_back(channel::Region::create({}).value());
    auto application =
        std::make_unique<ApplicationEnd>(regions.back(), engine->attach(regions.back()).value());
    Submission submission;
    submission.kind = SubmissionKind::kOpen;
    submission.port = port;
    EXPECT_TRUE(application->submit(submission));
    application->publish();
    engine->step(now);
    Completion opened;
    EXPECT_TRUE(application->next(&opened));
    EXPECT_EQ(opened.kind, CompletionKind::kOpened);
    EXPECT_EQ(opened.code, 0);
    application->done_reading();
    return application;
  }

  Address local;
  FakeIo* io = nullptr;
  base::Descriptor wake;
  std::vector<std::shared_ptr<channel::Region>> regions;
  std::unique_ptr<Engine> engine;
  Time now{std::chrono::seconds(1)};
};

class EngineTest : public ::testing::Test {
 protected:
  // Time goes on by 10 us a step.
  void run(int steps = 50) {
    for (int i = 0; i < steps; ++i) {
      for (TestHost* host : {&a_, &b_}) host->engine->step(host->now += Duration(10'000));
    }
  }

  static std::uint64_t put(ApplicationEnd& from, std::uint32_t length, std::byte fill) {
    const auto memory = from.allocate(length);
    EXPECT_TRUE(memory);
    std::ranges::fill(from.memory(*memory, length), fill);
    return *memory;
  }
  void send(ApplicationEnd& from, std::uint64_t handle, std::uint32_t length, std::byte fill) {
    Submission submission;
    submission.kind = SubmissionKind::kSend;
    submission.handle = handle;
    submission.length = length;
    submission.memory = put(from, length, fill);
    submission.peer = channel::PeerRecord::of({b_.local, kServerPort});
    ASSERT_TRUE(from.submit(submission));
    from.publish();
  }
  static void reply(ApplicationEnd& from, std::uint64_t handle, std::uint32_t length) {
    Submission submission;
    submission.kind = SubmissionKind::kReply;
    submission.handle = handle;
    submission.length = length;
    submission.memory = put(from, length, std::byte{0x22});
    ASSERT_TRUE(from.submit(submission));
    from.publish();
  }
  // The next completion of `kind`; transmit memory is taken back on the way.
  static std::optional<Completion> next(ApplicationEnd& at, CompletionKind kind) {
    Completion completion;
    while (at.next(&completion)) {
      at.done_reading();
      if (completion.kind == CompletionKind::kTransmitDone) {
        EXPECT_TRUE(at.free(completion.memory));
      }
      if (completion.kind == kind) return completion;
    }
    return std::nullopt;
  }
  static void release(ApplicationEnd& at, std::uint64_t memory) {
    Submission submission;
    submission.kind = SubmissionKind::kRelease;
    submission.memory = memory;
    ASSERT_TRUE(at.submit(submission));
    at.publish();
  }
  // A request and its response, checked; returns the response's completion.
  Completion exchange(ApplicationEnd& client, ApplicationEnd& server, std::uint64_t handle,
                      std::uint32_t length) {
    send(client, handle, length, std::byte{0x11});
    run();
    const auto request = next(server, CompletionKind::kRequest);
    EXPECT_TRUE(request);
    if (!request) return {};
    const auto bytes =
        b_.engine->receive_memory().bytes().subspan(request->memory, request->length);
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0x11}; }));
    release(server, request->memory);
    reply(server, request->handle, 77);
    run();
    const auto response = next(client, CompletionKind::kResponse);
    EXPECT_TRUE(response);
    return response.value_or(Completion{});
  }

  FakeNetwork network_;
  TestHost a_{network_, Address::v4(10, 0, 0, 1)};
  TestHost b_{network_, Address::v4(10, 0, 0, 2)};
};

TEST_F(EngineTest, CarriesARequestAndItsResponse) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  const std::uint64_t handle = channel::make_handle(0, 1);
  const Completion response = exchange(*client, *server, handle, 5'000);
  EXPECT_EQ(response.handle, handle);
  EXPECT_EQ(response.length, 77U);
  EXPECT_EQ(response.peer.address(), (SocketAddress{b_.local, kServerPort}));
  release(*client, response.memory);
  run();
  EXPECT_EQ(a_.engine->endpoint().receive_region_used(), 0U);
  EXPECT_EQ(b_.engine->endpoint().receive_region_used(), 0U);
  static_cast<void>(next(*client, CompletionKind::kRequest));
  EXPECT_EQ(client->transmit_bytes_used(), 0U);
}

TEST_F(EngineTest, SendsAMessageWhileItsApplicationCopiesIt) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  const std::uint64_t handle = channel::make_handle(0, 1);
  Submission submission;
  submission.kind = SubmissionKind::kSend;
  submission.handle = handle;
  submission.length = 20'000;
  submission.pending = 15'000;
  submission.memory = put(*client, 20'000, std::byte{0x11});
  submission.peer = channel::PeerRecord::of({b_.local, kServerPort});
  ASSERT_TRUE(client->submit(submission));
  client->publish();
  run();
  const std::uint64_t before = a_.engine->counters().bytes_sent.load();
  EXPECT_GT(before, 2'000U);
  EXPECT_LE(before, 5'000U);
  Submission more;
  more.kind = SubmissionKind::kSupply;
  more.length = 20'000;
  more.handle = channel::make_handle(3, 9);  // no such RPC: it may have ended
  ASSERT_TRUE(client->submit(more));
  client->publish();
  run();
  EXPECT_FALSE(next(*server, CompletionKind::kRequest));
  more.handle = handle;
  ASSERT_TRUE(client->submit(more));
  client->publish();
  run();
  const auto request = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->length, 20'000U);
  // Supplying what the server does not answer yet is a mistake, and changes nothing.
  more.handle = request->handle;
  ASSERT_TRUE(server->submit(more));
  server->publish();
  run();
  reply(*server, request->handle, 77);
  run();
  EXPECT_TRUE(next(*client, CompletionKind::kResponse));
}

TEST_F(EngineTest, FramesThatTheDeviceDoesNotTakeAreKeptAndNeverLost) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  a_.io->room = 3;
  send(*client, channel::make_handle(0, 1), 20'000, std::byte{0x11});
  a_.engine->step(a_.now);
  EXPECT_EQ(a_.io->room, 0U);
  EXPECT_LE(a_.engine->next_deadline(), a_.now + Duration(1'000'000));
  for (int i = 0; i < 20 && !next(*server, CompletionKind::kRequest); ++i) {
    a_.io->room = 1;
    run(1);
    if (i == 19) FAIL() << "the request did not arrive";
  }
  EXPECT_EQ(a_.engine->counters().retransmitted_packets.load(), 0U);
}

TEST_F(EngineTest, TransmitMemoryComesBackOnlyWhenNoFramePointsIntoIt) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  a_.io->room = 0;
  const std::uint64_t handle = channel::make_handle(0, 1);
  send(*client, handle, 5'000, std::byte{0x11});
  a_.engine->step(a_.now);
  Submission abort;
  abort.kind = SubmissionKind::kAbort;
  abort.handle = handle;
  abort.code = static_cast<std::uint8_t>(ErrorCode::kCancelled);
  ASSERT_TRUE(client->submit(abort));
  client->publish();
  run();
  EXPECT_FALSE(next(*client, CompletionKind::kTransmitDone));
  a_.io->room = 1'000;
  run();
  EXPECT_TRUE(next(*client, CompletionKind::kTransmitDone));
}

TEST_F(EngineTest, SleepsUntilItsDeadlineAndNotWhenSubmissionsWait) {
  const auto client = a_.open(0);
  a_.engine->sleep(a_.now, a_.now + Duration(5'000'000));
  EXPECT_EQ(a_.io->waits, 1);
  EXPECT_EQ(a_.io->last_wait, Duration(5'000'000));
  Submission submission;
  submission.kind = SubmissionKind::kRelease;
  ASSERT_TRUE(client->submit(submission));
  client->publish();
  a_.engine->sleep(a_.now, kNever);
  EXPECT_EQ(a_.io->waits, 1);
  a_.engine->step(a_.now);
  a_.engine->interrupt();
  a_.engine->sleep(a_.now, kNever);
  EXPECT_EQ(a_.io->waits, 1);
}

TEST_F(EngineTest, AWakeUpThatComesLateDoesNotKeepItAwake) {
  const auto client = a_.open(0);
  // Who found it asleep was interrupted, and writes when it is awake again.
  channel::signal_descriptor(a_.wake.get());
  a_.engine->sleep(a_.now, kNever);
  EXPECT_EQ(a_.io->waits, 1);
  EXPECT_FALSE(channel::clear_descriptor(a_.wake.get())) << "it would never sleep again";
}

TEST_F(EngineTest, AReplyGivenJustBeforeItsSocketIsClosedLeavesFirst) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  send(*client, channel::make_handle(0, 1), 100, std::byte{1});
  run();
  const auto request = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  reply(*server, request->handle, 100);
  Submission close;
  close.kind = SubmissionKind::kClose;
  ASSERT_TRUE(server->submit(close));
  server->publish();  // the engine sees both at once
  run();
  EXPECT_TRUE(next(*client, CompletionKind::kResponse));
}

TEST_F(EngineTest, APortIsFreeForWhoeverOpensItAfterItsClose) {
  auto first = b_.open(0);
  const auto server = b_.open(kServerPort);
  first.reset();
  run();  // its place is free: the next channel is looked at before the server's
  Submission close;
  close.kind = SubmissionKind::kClose;
  ASSERT_TRUE(server->submit(close));
  server->publish();
  const auto next_server = b_.open(kServerPort);  // the engine sees both at once
}

TEST_F(EngineTest, ItsOwnPausesAreNotTheSilenceOfItsPeers) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  send(*client, channel::make_handle(0, 1), 100, std::byte{1});
  run();
  const auto request = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  reply(*server, request->handle, 10);
  b_.engine->step(b_.now);  // the response waits in a's device
  a_.engine->flush(a_.now += std::chrono::seconds(10));
  EXPECT_FALSE(next(*client, CompletionKind::kFailure));
  run();
  EXPECT_TRUE(next(*client, CompletionKind::kResponse));
  EXPECT_EQ(a_.engine->counters().resends_sent.load(), 0U);

  send(*client, channel::make_handle(0, 2), 100, std::byte{1});
  a_.engine->step(a_.now);
  for (int i = 0; i < 5; ++i) a_.engine->step(a_.now += std::chrono::seconds(1));
  EXPECT_FALSE(next(*client, CompletionKind::kFailure)) << "five pauses are no silence";
  for (int i = 0; i < 110; ++i) a_.engine->step(a_.now += std::chrono::milliseconds(1));
  EXPECT_TRUE(next(*client, CompletionKind::kFailure)) << "a tenth of a second is";
}

// A server that was restarted: requests come before it has opened its port.
TEST_F(EngineTest, ARequestThatComesBeforeItsPortIsOpenIsNotRefused) {
  const auto client = a_.open(0);
  send(*client, channel::make_handle(0, 1), 100, std::byte{0x11});
  run(100);
  EXPECT_EQ(b_.engine->counters().packets_received.load(), 0U) << "no port, no packets";
  const auto other = b_.open(kServerPort + 1);
  run(100);
  EXPECT_GT(b_.engine->counters().packets_received.load(), 0U);
  EXPECT_FALSE(next(*client, CompletionKind::kFailure)) << "the server may still be starting";
  const auto server = b_.open(kServerPort);
  run(2'000);
  EXPECT_TRUE(next(*server, CompletionKind::kRequest));
}

TEST_F(EngineTest, ASleepBeforeAPortIsOpenIsNotEndedByPackets) {
  const auto client = a_.open(0);
  send(*client, channel::make_handle(0, 1), 100, std::byte{0x11});
  a_.engine->step(a_.now);
  b_.engine->sleep(b_.now, b_.now + Duration(1'000));
  EXPECT_EQ(b_.io->waits, 0) << "the back end would report the packet at once, for ever";
}

TEST_F(EngineTest, ClosedPortsAreAnsweredOnceTheStartIsOver) {
  const auto client = a_.open(0);
  const auto other = b_.open(kServerPort + 1);
  run(static_cast<int>(Engine::kStartGrace / Duration(10'000)) + 1);
  send(*client, channel::make_handle(0, 1), 100, std::byte{0x11});
  run();
  const auto failure = next(*client, CompletionKind::kFailure);
  ASSERT_TRUE(failure);
  EXPECT_EQ(static_cast<ErrorCode>(failure->code), ErrorCode::kNoSuchSocket);
}

TEST_F(EngineTest, APortThatWasClosedIsAnsweredAtOnce) {
  const auto client = a_.open(0);
  auto server = b_.open(kServerPort);
  server.reset();
  run();
  send(*client, channel::make_handle(0, 1), 100, std::byte{0x11});
  run();
  const auto failure = next(*client, CompletionKind::kFailure);
  ASSERT_TRUE(failure);
  EXPECT_EQ(static_cast<ErrorCode>(failure->code), ErrorCode::kNoSuchSocket);
}

TEST_F(EngineTest, AStatusOfManyRpcsIsWrittenStepByStep) {
  constexpr std::uint32_t kRpcs = 2'000;
  const auto client = a_.open(0);
  Submission submission;
  submission.kind = SubmissionKind::kSend;
  submission.length = 100;
  submission.peer = channel::PeerRecord::of({b_.local, kServerPort});
  for (std::uint32_t i = 0; i < kRpcs; ++i) {
    submission.handle = channel::make_handle(i, 1);
    submission.memory = put(*client, 100, std::byte{1});
    while (!client->submit(submission)) {
      client->publish();
      a_.engine->step(a_.now);
    }
  }
  Submission status;
  status.kind = SubmissionKind::kStatus;
  status.tag = 5;
  status.length = (kRpcs + 10) * sizeof(channel::StatusRecord);
  status.memory = client->allocate(status.length).value();
  client->publish();
  while (!client->submit(status)) a_.engine->step(a_.now);
  client->publish();
  while (a_.engine->step(a_.now) > 256) continue;  // everything before it
  int steps = 1;
  std::optional<Completion> written;
  for (; !written && steps < 100; ++steps) {
    written = next(*client, CompletionKind::kStatus);
    a_.engine->step(a_.now);
  }
  ASSERT_TRUE(written);
  EXPECT_GT(steps, 2) << "in parts";
  EXPECT_EQ(written->tag, 5U);
  ASSERT_EQ(written->length, kRpcs * sizeof(channel::StatusRecord));
  std::set<std::uint64_t> handles;
  for (std::uint32_t i = 0; i < kRpcs; ++i) {
    channel::StatusRecord record;
    std::memcpy(&record, client->memory(status.memory + i * sizeof(record), sizeof(record)).data(),
                sizeof(record));
    handles.insert(record.handle);
  }
  EXPECT_EQ(handles.size(), kRpcs);
  EXPECT_EQ(*handles.begin(), channel::make_handle(0, 1));
}

TEST_F(EngineTest, TablesThatAreTooLargeAreAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers stop at allocations that fail";
#endif
  FakeNetwork network;
  auto io = std::make_unique<FakeIo>(network, Address::v4(10, 0, 0, 3));
  core::CoreConfig config = defaults_for(io->capabilities());
  config.finished_ids_max = 3'000'000'000;
  config.peers_max = 4'000'000'000;
  const auto engine = Engine::create(config, std::move(io), 1, a_.wake.get());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kNoMemory);
  EXPECT_NE(engine.error().text.find("finished_ids_max (3000000000)"), std::string::npos);
}

TEST_F(EngineTest, UnreachableHostsFailTheirRpcs) {
  const auto client = a_.open(0);
  send(*client, channel::make_handle(0, 1), 100, std::byte{1});
  a_.engine->step(a_.now);
  io::IoError error;
  error.kind = io::IoError::Kind::kProtocolUnreachable;
  error.peer = b_.local;
  error.quoted = a_.io->last_header;
  error.quoted_length = error.quoted.size();
  a_.io->pending_errors.push_back(error);
  run(2);
  const auto failure = next(*client, CompletionKind::kFailure);
  ASSERT_TRUE(failure);
  EXPECT_EQ(static_cast<ErrorCode>(failure->code), ErrorCode::kPeerUnreachable);
}

TEST_F(EngineTest, AnApplicationThatVanishesLeavesNothingBehind) {
  auto client = a_.open(0);
  auto server = b_.open(kServerPort);
  const std::size_t channels = b_.engine->channels();
  send(*client, channel::make_handle(0, 1), 5'000, std::byte{1});
  send(*client, channel::make_handle(1, 2), 50'000, std::byte{2});
  run();
  EXPECT_GT(b_.engine->endpoint().receive_region_used(), 0U);
  server.reset();
  client.reset();
  run(300);
  EXPECT_EQ(b_.engine->endpoint().receive_region_used(), 0U);
  EXPECT_EQ(a_.engine->endpoint().rpcs_in_progress(), 0U);
  EXPECT_EQ(b_.engine->endpoint().rpcs_in_progress(), 0U);
  EXPECT_EQ(b_.engine->channels(), channels - 1);
  EXPECT_TRUE(b_.open(kServerPort));
}

TEST_F(EngineTest, ReleasesCountOnceAndOnlyForTheirHolder) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  const auto stranger = b_.open(kServerPort + 1);
  send(*client, channel::make_handle(0, 1), 1'000, std::byte{1});
  run();
  const auto request = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  release(*stranger, request->memory);
  release(*server, request->memory + 256);
  release(*server, ~std::uint64_t{0});
  run(2);
  EXPECT_GT(b_.engine->endpoint().receive_region_used(), 0U);
  release(*server, request->memory);
  release(*server, request->memory);
  run(2);
  EXPECT_EQ(b_.engine->endpoint().receive_region_used(), 0U);
  EXPECT_EQ(b_.engine->counters().submissions_refused.load(), 4U);
}

TEST_F(EngineTest, StrangersCannotAnswerOrEndRequestsOfOthers) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  const auto stranger = b_.open(kServerPort + 1);
  send(*client, channel::make_handle(0, 1), 1'000, std::byte{1});
  run();
  const auto request = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  reply(*stranger, request->handle, 10);
  Submission abort;
  abort.kind = SubmissionKind::kAbort;
  abort.handle = request->handle;
  ASSERT_TRUE(stranger->submit(abort));
  stranger->publish();
  run();
  EXPECT_FALSE(next(*client, CompletionKind::kFailure));
  reply(*server, request->handle, 10);
  run();
  EXPECT_TRUE(next(*client, CompletionKind::kResponse));
}

TEST_F(EngineTest, BrokenRingsCostTheirApplicationItsChannelOnly) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  const auto broken = b_.open(kServerPort + 1);
  b_.regions.back()->header().submission_tail = 1'000'000;
  broken->ring();
  run(3);
  EXPECT_TRUE(broken->engine_gone());
  const Completion response = exchange(*client, *server, channel::make_handle(0, 1), 100);
  EXPECT_EQ(response.length, 77U);
}

// Random submissions, and random words all over what the application can write, while two others
// talk: they notice nothing.
TEST_F(EngineTest, GarbageHurtsNobodyElse) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  std::minstd_rand random(7);
  const auto word = [&] {
    const std::uint64_t value = std::uint64_t{random()} << 32 | random();
    return random() % 2 == 0 ? value : value % 4'096;
  };
  for (std::uint64_t round = 0; round < 60; ++round) {
    TestHost& host = round % 2 == 0 ? a_ : b_;
    const auto vandal = host.open(0);
    for (int i = 0; i < 500; ++i) {
      Submission submission;
      submission.kind = static_cast<SubmissionKind>(word() % 10);
      submission.pending = static_cast<std::uint32_t>(word());
      submission.length = static_cast<std::uint32_t>(word());
      submission.handle = word();
      submission.memory = word();
      submission.port = static_cast<std::uint16_t>(word());
      submission.peer = channel::PeerRecord::of({b_.local, static_cast<std::uint16_t>(word())});
      if (!vandal->submit(submission)) break;
    }
    vandal->publish();
    run(2);
    channel::Header& header = host.regions.back()->header();
    header.sleeper = static_cast<std::uint32_t>(word());
    if (round % 3 == 0) header.completion_head = word();
    if (round % 4 == 0) header.submission_tail = word();
    vandal->ring();
    const Completion response =
        exchange(*client, *server, channel::make_handle(0, round + 1), 2'000);
    ASSERT_EQ(response.length, 77U) << "round " << round;
    release(*client, response.memory);
  }
  EXPECT_GT(a_.engine->counters().submissions_refused.load(), 1'000U);
}

TEST_F(EngineTest, ClosingSendsWhatWasGivenAndTellsPeers) {
  const auto client = a_.open(0);
  const auto server = b_.open(kServerPort);
  send(*client, channel::make_handle(0, 1), 100, std::byte{1});
  send(*client, channel::make_handle(1, 2), 100, std::byte{2});
  run();
  const auto first = next(*server, CompletionKind::kRequest);
  ASSERT_TRUE(first);
  reply(*server, first->handle, 10);
  b_.engine->close(std::chrono::milliseconds(50));
  EXPECT_TRUE(server->engine_gone());
  for (int i = 0; i < 20; ++i) a_.engine->step(a_.now += Duration(10'000));
  const auto response = next(*client, CompletionKind::kResponse);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->handle, channel::make_handle(0, 1));
  const auto failure = next(*client, CompletionKind::kFailure);
  ASSERT_TRUE(failure);
  EXPECT_EQ(static_cast<ErrorCode>(failure->code), ErrorCode::kCancelled);
  EXPECT_EQ(b_.engine->step(b_.now), 0U);
}

TEST(EngineCoalescing, ABusyLinkIsLookedAtInIntervalsAnIdleOneAtOnce) {
  FakeNetwork network;
  TestHost client(network, *Address::parse("10.0.0.1"), 200'000'000);
  TestHost server(network, *Address::parse("10.0.0.2"), 200'000'000);
  const auto serving = server.open(kServerPort);
  const auto calling = client.open(0);
  Submission submission;
  submission.kind = SubmissionKind::kSend;
  submission.handle = channel::make_handle(0, 1);
  submission.length = 500'000;
  submission.memory = calling->allocate(submission.length).value();
  submission.peer = channel::PeerRecord::of({server.local, kServerPort});
  const auto sleep = [&] { client.engine->sleep(client.now, client.now + Duration(1'000'000)); };
  sleep();
  EXPECT_EQ(client.io->waits, 1);  // idle: any packet wakes it
  ASSERT_TRUE(calling->submit(submission));
  calling->publish();
  for (int i = 0; i < 500; ++i) {  // 5 ms: the link is full
    for (TestHost* host : {&client, &server}) host->engine->step(host->now += Duration(10'000));
  }
  sleep();
  EXPECT_EQ(client.io->waits, 1);  // a packet that comes now waits for the next
  client.now += Duration(1'000'000'000);
  sleep();
  client.engine->step(client.now);
  sleep();
  EXPECT_EQ(client.io->waits, 2);
}

}  // namespace
}  // namespace homa::engine
