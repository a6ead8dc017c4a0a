// A program that writes what it likes into the memory that it shares with an engine, while the
// engine looks: between any two accesses of the engine, the input may change the channel, the
// doorbell or the receive memory. It is compiled with the engine's and channel's own code over
// changing/channel/atomic.h.
//
// Beside it, a program that keeps to the rules calls a server of its own. Its calls are answered
// with the right bytes, nothing of the hostile program's stays when that has left, and no access is
// outside of what is shared (the sanitizers see that).
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/engine.h"
#include "engine/fake_network.h"

namespace {

using namespace homa;
using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;
using std::chrono::microseconds;

constexpr Address kLocal = Address::v4(10, 0, 0, 1);
constexpr std::uint16_t kVictimPort = 5;
constexpr std::uint16_t kHostilePort = 7;
constexpr std::uint64_t kReceiveBytes = 1 << 20;
constexpr std::uint64_t kTransmitBytes = 1 << 16;
constexpr std::uint32_t kMessageMax = 20'000;

core::CoreConfig config() {
  core::CoreConfig config;
  config.link_bits_per_second = 0;
  config.unscheduled_bytes = 5'000;
  config.max_incoming = 20'000;
  config.message_bytes_max = kMessageMax;
  config.rpcs_max = 64;
  config.receive_region_bytes = kReceiveBytes;
  config.finished_ids_max = 1'000;
  config.peers_max = 16;
  HOMA_CHECK(config.validate());
  return config;
}

channel::ChannelConfig small_channel(std::uint64_t transmit_bytes) {
  channel::ChannelConfig config;
  config.submission_entries = 16;
  config.completion_entries = 16;
  config.transmit_bytes = transmit_bytes;
  return config;
}

class World;
World* the_world = nullptr;  // whose hostile program acts between accesses

class World {
 public:
  explicit World(base::ByteReader& input) : input_(input) {
    auto io = std::make_unique<engine::FakeIo>(network_, kLocal);
    engine_ = engine::Engine::create(config(), std::move(io), 1, wake_.get()).value();
    engine_->set_memory_total(4 * kReceiveBytes);
    server_ = open(kVictimPort);
    client_ = open(0);
    add_hostile();
    the_world = this;
    channel::before_access = [] { the_world->between_accesses(); };
  }
  ~World() {
    channel::before_access = nullptr;
    the_world = nullptr;
  }

  void step();
  void finish();

 private:
  std::unique_ptr<ApplicationEnd> open(std::uint16_t port);
  void add_hostile();
  void between_accesses();
  void change_something();
  void submit_something();
  void run_engine();
  void call();
  void take_response();
  void serve();
  void submit(ApplicationEnd& application, const Submission& submission) {
    HOMA_CHECK(application.submit(submission));
    application.publish();
  }
  void release(ApplicationEnd& application, std::uint64_t memory) {
    Submission done;
    done.kind = SubmissionKind::kRelease;
    done.memory = memory;
    submit(application, done);
  }
  // The victim's own accesses are no matter of the hostile program.
  template <typename Work>
  void undisturbed(Work work) {
    const bool before = std::exchange(disturbed_, false);
    work();
    disturbed_ = before;
  }

  base::ByteReader& input_;
  Time now_{std::chrono::seconds(1)};
  engine::FakeNetwork network_;
  base::Descriptor wake_{channel::create_descriptor().value()};
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<ApplicationEnd> server_, client_;
  std::shared_ptr<channel::Region> region_;  // the hostile program's
  std::shared_ptr<channel::Doorbell> doorbell_ = std::make_shared<channel::Doorbell>();
  std::span<std::byte> receive_;  // the same
  engine::Program* program_ = nullptr;
  bool disturbed_ = false;
  std::uint64_t calls_ = 0;
  std::optional<std::uint32_t> calling_;  // the length of the request
};

std::unique_ptr<ApplicationEnd> World::open(std::uint16_t port) {
  auto region = channel::Region::create(small_channel(1 << 20)).value();
  auto application = std::make_unique<ApplicationEnd>(region, engine_->attach(region).value());
  Submission submission;
  submission.kind = SubmissionKind::kOpen;
  submission.port = port;
  submit(*application, submission);
  engine_->step(now_);
  Completion opened;
  HOMA_CHECK(application->next(&opened) && opened.kind == CompletionKind::kOpened);
  HOMA_CHECK(opened.code == 0);
  application->done_reading();
  return application;
}

void World::add_hostile() {
  auto memory = base::Mapping::create(kReceiveBytes).value();
  receive_ = memory.bytes();
  engine::ProgramLimits limits{2, 8, {}};
  limits.account.memory_guaranteed = 1 << 16;
  limits.account.memory_max = kReceiveBytes / 2;
  limits.account.served_max = 8;
  program_ =
      engine_
          ->add_program(engine::ReceiveRegion::over(std::move(memory)).value(), doorbell_, limits)
          .value();
  region_ = channel::Region::create(small_channel(kTransmitBytes)).value();
  HOMA_CHECK(engine_->attach(*program_, region_, kHostilePort));
  Submission submission;
  submission.kind = SubmissionKind::kOpen;
  submission.port = kHostilePort;
  region_->submissions()[0] = submission;
  region_->header().submission_tail.store(1);
}

void World::between_accesses() {
  if (!disturbed_ || !input_.ok()) return;
  disturbed_ = false;
  if (input_.read<std::uint8_t>() < 32) change_something();
  disturbed_ = true;
}

// Words that the engine looks at, rings, or any byte.
void World::change_something() {
  channel::Header& header = region_->header();
  const auto what = input_.read<std::uint8_t>();
  const std::uint64_t large =
      (what & 0x80U) != 0 ? input_.read<std::uint64_t>() : input_.read<std::uint8_t>();
  switch (what % 12) {
    case 0: header.submission_tail.store(large); break;
    case 1: header.completion_head.store(large); break;
    case 2: header.submission_head.store(large); break;
    case 3: header.completion_tail.store(large); break;
    case 4: header.sleeper.store(static_cast<std::uint32_t>(large)); break;
    case 5: header.descriptor_armed.store(static_cast<std::uint32_t>(large)); break;
    case 6: header.completions_held.store(static_cast<std::uint32_t>(large)); break;
    case 7: doorbell_->rung.store(large); break;
    case 8: doorbell_->words[large % channel::Doorbell::kWords].store(~large); break;
    case 9: submit_something(); break;
    case 10: header.layout.transmit_bytes = large; break;
    default: {
      const std::span<std::byte> all = region_->memory().bytes();
      const std::uint64_t at = (large * 64 + what) % all.size();
      all[at] = static_cast<std::byte>(input_.read<std::uint8_t>());
    }
  }
}

// What a submission might be: each field is right, or nearly so, or any number.
void World::submit_something() {
  channel::Header& header = region_->header();
  Submission submission;
  const auto kind = input_.read<std::uint8_t>();
  submission.kind = static_cast<SubmissionKind>(kind % 10);
  submission.code = input_.read<std::uint8_t>();
  submission.report = kind >> 7;
  const auto number = input_.read<std::uint8_t>();
  submission.handle = (kind & 0x40U) != 0 ? input_.read<std::uint64_t>()
                                          : channel::make_handle(number % 16U, 1 + number / 16U);
  submission.memory = (kind & 0x20U) != 0 ? input_.read<std::uint64_t>()
                                          : std::uint64_t{input_.read<std::uint8_t>()} * 256;
  submission.length =
      (kind & 0x10U) != 0 ? input_.read<std::uint32_t>() : 1U + input_.read<std::uint16_t>();
  submission.pending = number % 4 == 0 ? submission.length / 2 : 0;
  submission.port = number % 2 == 0 ? kHostilePort : 0;
  submission.peer = channel::PeerRecord::of({kLocal, number % 3 == 0 ? kHostilePort : kVictimPort});
  const std::uint64_t tail = header.submission_tail.load();
  region_->submissions()[tail % region_->submissions().size()] = submission;
  header.submission_tail.store(tail + 1);
  doorbell_->words[0].fetch_or(1);
  doorbell_->rung.fetch_or(1);
}

void World::run_engine() {
  disturbed_ = true;
  engine_->step(now_);
  disturbed_ = false;
}

void World::call() {
  if (calling_) return;
  const std::uint32_t length = 1U + input_.read<std::uint16_t>() % kMessageMax;
  Submission send;
  send.kind = SubmissionKind::kSend;
  send.handle = channel::make_handle(0, ++calls_);
  send.length = length;
  send.memory = *client_->allocate(length);
  send.peer = channel::PeerRecord::of({kLocal, kVictimPort});
  for (std::uint32_t i = 0; i < length; ++i) {
    client_->memory(send.memory, length)[i] = static_cast<std::byte>(calls_ + i * 7);
  }
  calling_ = length;
  submit(*client_, send);
}

void World::take_response() {
  Completion completion;
  while (client_->next(&completion)) {
    if (completion.kind == CompletionKind::kTransmitDone) {
      HOMA_CHECK(client_->free(completion.memory));
      continue;
    }
    HOMA_CHECK(completion.kind == CompletionKind::kResponse && calling_);
    HOMA_CHECK(completion.length == *calling_);
    const auto bytes = engine_->receive_memory().bytes().subspan(completion.memory);
    for (std::uint32_t i = 0; i < *calling_; ++i) {
      HOMA_CHECK(bytes[i] == static_cast<std::byte>(calls_ + i * 7));
    }
    calling_.reset();
    release(*client_, completion.memory);
  }
  client_->done_reading();
}

// Requests of both programs, which get their own bytes back.
void World::serve() {
  Completion completion;
  while (server_->next(&completion)) {
    if (completion.kind == CompletionKind::kTransmitDone) {
      HOMA_CHECK(server_->free(completion.memory));
    } else if (completion.kind == CompletionKind::kRequest) {
      Submission reply;
      reply.handle = completion.handle;
      if (const auto memory = server_->allocate(completion.length)) {
        reply.kind = SubmissionKind::kReply;
        reply.memory = *memory;
        reply.length = completion.length;
        std::memcpy(server_->memory(*memory, completion.length).data(),
                    engine_->receive_memory().bytes().data() + completion.memory,
                    completion.length);
      } else {  // the hostile program has it all; it does not keep it
        reply.kind = SubmissionKind::kAbort;
        reply.code = static_cast<std::uint8_t>(ErrorCode::kOverloaded);
      }
      submit(*server_, reply);
      release(*server_, completion.memory);
      engine_->step(now_);  // the ring is small
    }
  }
  server_->done_reading();
}

void World::step() {
  const auto what = input_.read<std::uint8_t>();
  switch (what % 8) {
    case 0: now_ += microseconds(input_.read<std::uint16_t>()); break;
    case 1: call(); break;
    case 2:
    case 3: submit_something(); break;
    case 4: change_something(); break;
    case 5: std::memset(receive_.data() + input_.read<std::uint16_t>(), what, 1'000); break;
    default: break;
  }
  run_engine();
  take_response();
  serve();
}

// The hostile program leaves, or has broken its channel: the other one's call ends well, and
// everything is as it was.
void World::finish() {
  disturbed_ = false;
  channel::before_access = nullptr;
  const auto run_until = [&](auto done) {
    for (int round = 0; !done(); ++round) {
      HOMA_CHECK(round < 20'000);
      engine_->step(now_);
      take_response();
      serve();
      if (engine_->step(now_) == 0) {
        now_ = std::max(now_ + microseconds(10),
                        std::min(engine_->next_deadline(), now_ + microseconds(1'000)));
      }
    }
  };
  run_until([&] { return !calling_; });
  engine_->remove_program(*program_);
  region_.reset();
  run_until(
      [&] { return engine_->programs() == 1 && engine_->endpoint().rpcs_in_progress() == 0; });
  HOMA_CHECK(engine_->channels() == 2);
  run_until([&] { return engine_->endpoint().receive_region_used() == 0; });
  HOMA_CHECK(engine_->endpoint().pressure() == core::PressureLevel::kNone);
  HOMA_CHECK(engine_->running());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::ByteReader input(std::as_bytes(std::span(data, std::min<std::size_t>(size, 4'000))));
  World world(input);
  while (input.ok()) world.step();
  world.finish();
  return 0;
}
