// One program does what it can to hurt the others of its homad. They lose nothing, get the right
// bytes, and are not held up.
//
// Each attack is compared with the same time before it, in which a harmless program keeps a
// processor as busy. Ratios of P99 are printed; on a busy machine they say little, so the test asks
// for less.
#include "daemon/neighbours.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cmath>
#include <cstring>
#include <iostream>

#include "daemon/raw_program.h"
#include "support/long_tests.h"
#include "support/random.h"

namespace homa::testing {
namespace {

using channel::ControlKind;
using channel::Submission;
using channel::SubmissionKind;

constexpr std::uint16_t kHostilePort = 4'001;

// What a hostile process does; it is killed in the end.
using Attack = std::function<void(const Homad&)>;

class Hostility : public ::testing::Test {
 protected:
  // Runs `attack` beside twenty others. `audit`: what homad's log has to say about it.
  void expect_neighbours_unharmed(const Attack& attack, const std::string& audit = "") {
    const std::size_t descriptors = homad_.descriptors();
    for (int attempt = 0;; ++attempt) {
      const auto& calm = beside([](const Homad&) {
        test::Random random(1);
        while (random.next() != 0) {
          asm volatile("");  // else the compiler may leave the loop out
        }
      });
      const auto& attacked = beside(attack);
      ASSERT_EQ(attacked.failures.load(), 0U) << homad_.log();
      const double ratio = attacked.times.percentile(990) / calm.times.percentile(990);
      std::cout << "  calls " << calm.times.count() << " before, " << attacked.times.count()
                << " beside it; P99 " << calm.times.percentile(990) << " us before, "
                << attacked.times.percentile(990) << " us beside it, ratio " << ratio << "\n";
      // A busy machine may have been busier just now.
      if (attacked.times.count() * 2 > calm.times.count() && ratio < 10) break;
      ASSERT_LT(attempt, 3) << "others were held up";
    }
    EXPECT_TRUE(audit.empty() || homad_.logged(audit)) << homad_.log();
    EXPECT_TRUE(eventually([&] { return homad_.descriptors() <= descriptors; }))
        << homad_.descriptors() << " descriptors, not " << descriptors;
  }

  Homad homad_{"[limits]\nrequests = 500\n"};
  Neighbours neighbours_{homad_.client_config(), 20};

 private:
  const Neighbours::Phase& beside(const Attack& attack) {
    Child hostile([&] {
      ::alarm(600);
      attack(homad_);
      return 0;
    });
    std::this_thread::sleep_for(100ms);
    const auto& phase = neighbours_.watch(test::long_tests() ? 60s : 1s);
    hostile.kill();
    return phase;
  }
};

void scribble(std::span<std::byte> memory, test::Random& random, int times) {
  for (int i = 0; i < times; ++i) {
    const std::uint64_t value = random.next();
    std::memcpy(memory.data() + random.below(memory.size() - sizeof(value)), &value, sizeof(value));
  }
}

Submission open_port(std::uint16_t port) {
  Submission open;
  open.kind = SubmissionKind::kOpen;
  open.port = port;
  return open;
}

TEST_F(Hostility, WritesRandomBytesOverAllThatItShares) {
  expect_neighbours_unharmed(
      [](const Homad& homad) {
        for (test::Random random(1);;) {
          RawProgram program(homad.socket());
          if (!program.attach()) continue;
          for (int i = 0; i < 50; ++i) {
            const auto channel = program.open_channel(i % 2 == 0 ? 0 : kHostilePort);
            if (!channel) break;
            program.submit(*channel, open_port(i % 2 == 0 ? 0 : kHostilePort));
            const std::span<std::byte> rings =
                channel->memory().bytes().first(channel->layout().transmit);
            for (int round = 0; round < 20; ++round) {
              // Sometimes all of it, sometimes the rings without their indices: then entries are
              // read.
              const std::span<std::byte> part =
                  round % 4 == 0 ? rings : rings.subspan(channel->layout().submissions);
              scribble(part, random, 2'000);
              scribble(channel->transmit(), random, 100);
              scribble(program.receive_memory().bytes(), random, 100);
              scribble(program.doorbell_memory().bytes(), random, 10);
              channel->header().submission_tail.fetch_add(random.below(200));
              program.ring();
            }
          }
        }
      },
      "broke a channel: ");
}

// It sends, to a port that nobody serves, and never looks at what comes of it.
TEST_F(Hostility, DoesNotReadCompletions) {
  expect_neighbours_unharmed([](const Homad& homad) {
    RawProgram program(homad.socket());
    if (!program.attach()) return;
    const auto channel = program.open_channel(0);
    program.submit(*channel, open_port(0));
    for (std::uint64_t i = 0;; ++i) {
      if (!program.has_room(*channel)) {
        program.ring();
        std::this_thread::sleep_for(100us);
        continue;
      }
      Submission send;
      send.kind = SubmissionKind::kSend;
      send.handle = channel::make_handle(static_cast<std::uint32_t>(i % 4'096), 1 + i / 4'096);
      send.length = 100;
      send.peer = channel::PeerRecord::of({Address::v4(127, 0, 0, 1), 9});
      program.submit(*channel, send);
    }
  });
}

TEST_F(Hostility, SharesMemoryThatIsCutOrNotSealedOrNotThere) {
  expect_neighbours_unharmed(
      [](const Homad& homad) {
        RawProgram program(homad.socket());
        for (std::uint64_t i = 0;; ++i) {
          program.reconnect();
          program.ask(ControlKind::kHello);
          const base::Descriptor memory(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
          static_cast<void>(::ftruncate(memory.get(), 4 << 20) == 0);
          const int seals[] = {0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW};
          ::fcntl(memory.get(), F_ADD_SEALS, seals[i % 4]);
          const std::array<int, 2> both{program.doorbell_memory().descriptor(), memory.get()};
          program.ask(ControlKind::kMemory, both);
          static_cast<void>(::ftruncate(memory.get(), 0) == 0);
        }
      },
      "why=\"shared memory");
}

// The pages that homad is to write messages to and read them from go away under it.
TEST_F(Hostility, TakesItsPagesAway) {
  expect_neighbours_unharmed([](const Homad& homad) {
    RawProgram program(homad.socket());
    const int receive = ::dup(program.receive_memory().descriptor());
    if (!program.attach()) return;
    const auto channel = program.open_channel(kHostilePort);
    const int shared = ::dup(channel->memory().descriptor());
    program.submit(*channel, open_port(kHostilePort));
    const auto client = program.open_channel(0);
    program.submit(*client, open_port(0));
    for (std::uint64_t i = 0;; ++i) {
      for (const int memory : {receive, shared}) {
        ::fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4 << 20);
        static_cast<void>(::ftruncate(memory, 0) == 0);
      }
      Submission send;
      send.kind = SubmissionKind::kSend;
      send.handle = channel::make_handle(static_cast<std::uint32_t>(i % 4'096), 1 + i / 4'096);
      send.length = 500'000;
      send.peer = channel::PeerRecord::of({Address::v4(127, 0, 0, 1), kHostilePort});
      program.submit(*client, send);
      std::this_thread::sleep_for(5ms);
    }
  });
}

TEST_F(Hostility, NamesSizesThatAreHugeOrNegative) {
  expect_neighbours_unharmed([](const Homad& homad) {
    constexpr std::uint64_t kSizes[] = {0,
                                        1,
                                        ~std::uint64_t{0},
                                        std::uint64_t{1} << 63,
                                        (std::uint64_t{1} << 40) + 1,
                                        0xffffffff,
                                        0x7fffffff};
    for (std::uint64_t i = 0;; ++i) {
      const std::uint64_t size = kSizes[i % std::size(kSizes)];
      RawProgram program(homad.socket());
      channel::ControlHead head;
      head.kind = ControlKind::kHello;
      head.receive_bytes = size;
      head.transmit_bytes = size;
      head.rpcs_max = static_cast<std::uint32_t>(size);
      head.channel = static_cast<std::uint32_t>(size);
      program.ask(head);
      program.reconnect();
      if (!program.attach()) continue;
      auto region = channel::Region::create_shared({}).value();
      channel::Layout& layout = region->header().layout;
      std::uint64_t* const fields[] = {&layout.submissions,    &layout.completions,
                                       &layout.wake,           &layout.transmit,
                                       &layout.transmit_bytes, &layout.region_bytes};
      *fields[i % std::size(fields)] = size;
      if (i % 7 == 0) layout.submission_entries = static_cast<std::uint32_t>(size);
      const std::array<int, 1> memory{region->memory().descriptor()};
      program.ask(ControlKind::kOpen, memory);
      head.kind = ControlKind::kPort;
      program.ask(head);
      // And in what it submits.
      const auto channel = program.open_channel(0);
      if (!channel) continue;
      program.submit(*channel, open_port(0));
      for (int kind = 0; kind < 12; ++kind) {
        Submission submission;
        submission.kind = static_cast<SubmissionKind>(kind);
        submission.handle = kind % 2 == 0 ? size : channel::make_handle(1, 1);
        submission.memory = size;
        submission.length = static_cast<std::uint32_t>(size);
        submission.pending = static_cast<std::uint32_t>(size);
        submission.peer = channel::PeerRecord::of({Address::v4(127, 0, 0, 1), Neighbours::kPort});
        program.submit(*channel, submission);
      }
    }
  });
}

TEST_F(Hostility, OpensTheSocketTenThousandTimes) {
  expect_neighbours_unharmed([](const Homad& homad) {
    for (int i = 0; i < 10'000; ++i) {
      RawProgram program(homad.socket());
      if (i % 100 == 0) program.ask(ControlKind::kHello);
    }
    std::vector<std::unique_ptr<RawProgram>> all;  // and now all at once
    for (int i = 0;; ++i) {
      if (i < 300) all.push_back(std::make_unique<RawProgram>(homad.socket()));
      std::this_thread::sleep_for(100us);
    }
  });
}

TEST_F(Hostility, FillsStealsAndClosesItsWakeUps) {
  expect_neighbours_unharmed([](const Homad& homad) {
    for (std::uint64_t i = 0;; ++i) {
      RawProgram program(homad.socket());
      if (!program.attach()) continue;
      ::fcntl(program.wake(), F_SETFL, 0);
      const std::uint64_t nearly_full = ~std::uint64_t{0} - 1;
      static_cast<void>(::write(program.wake(), &nearly_full, 8) == 8);
      std::uint64_t count = 0;
      static_cast<void>(::read(program.wake(), &count, 8) == 8);
      const auto channel = program.open_channel(0);
      if (!channel) continue;
      // What homad is to raise is full, blocks, or has nobody at its other end.
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
      const base::Descriptor reader(ends[0]), writer(ends[1]);
      channel::ControlHead head;
      head.kind = ControlKind::kSignal;
      head.channel = program.channel_number();
      const std::array<int, 1> signal{writer.get()};
      program.ask(head, signal);
      const std::array<std::byte, 4'096> rubbish{};
      while (i % 2 == 0 && ::send(writer.get(), rubbish.data(), rubbish.size(), MSG_DONTWAIT) > 0) {
      }
      if (i % 3 == 0) ::shutdown(reader.get(), SHUT_RDWR);
      program.submit(*channel, open_port(0));
      for (int round = 0; round < 100; ++round) {
        channel->header().descriptor_armed.store(1);
        channel->header().sleeper.store(1 + static_cast<std::uint32_t>(round));
        Submission send;  // to a port that nobody serves: it fails at once
        send.kind = SubmissionKind::kSend;
        send.handle = channel::make_handle(static_cast<std::uint32_t>(round), 1);
        send.length = 10;
        send.peer = channel::PeerRecord::of({Address::v4(127, 0, 0, 1), 9});
        program.submit(*channel, send);
      }
      std::this_thread::sleep_for(1ms);
    }
  });
}

TEST_F(Hostility, AsksForStatusWithoutEnd) {
  expect_neighbours_unharmed([](const Homad& homad) {
    RawProgram program(homad.socket());
    if (!program.attach()) return;
    const auto channel = program.open_channel(0);
    program.submit(*channel, open_port(0));
    for (;;) {
      for (int i = 0; i < 100 && program.has_room(*channel); ++i) {
        Submission status;
        status.kind = SubmissionKind::kStatus;
        status.length = 1 << 20;
        program.submit(*channel, status);
      }
      // It reads what comes, so that more may.
      channel->header().completion_head.store(channel->header().completion_tail.load());
      program.ring();
      program.ask(ControlKind::kCounters);
    }
  });
}

// Its clients are programs as well: they fill its port with requests.
TEST_F(Hostility, NeverAnswersRequests) {
  expect_neighbours_unharmed(
      [](const Homad& homad) {
        if (::fork() == 0) {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          auto others = Host::open(homad.client_config());
          auto client = others->client();
          for (;;) {
            static_cast<void>(
                client->send({others->address(), kHostilePort}, bytes_of("held")).has_value());
            static_cast<void>(client->receive(0ms).has_value());
          }
        }
        auto host = Host::open(homad.client_config());
        auto server = host->serve(kHostilePort);
        while (server->receive()) {
        }
      },
      "gave way: ");
}

TEST_F(Hostility, NeverReleasesMessages) {
  expect_neighbours_unharmed([](const Homad& homad) {
    auto host = Host::open(homad.client_config());
    auto client = host->client();
    std::vector<Message> kept;
    const std::vector<std::byte> request = pattern(100'000, 3);
    for (;;) {
      auto response = client->call({host->address(), Neighbours::kPort}, request, 100ms);
      if (response) kept.push_back(std::move(response).value());
    }
  });
}

}  // namespace
}  // namespace homa::testing
