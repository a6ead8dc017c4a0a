// bench_programs: what an engine that serves many programs does, for callgrind
// (bench/instructions --programs). Half of the programs are idle; the others call a server by
// turns. No network: the engine's packets come back to it.
//
//   bench_programs --programs N --rpcs N     round trips, all steps that they take
//                               --steps N    steps that find nothing to do
//                               --sleeps N   sleeps that end at once
#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/engine.h"
#include "engine/fake_network.h"

namespace homa::bench {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

constexpr Address kLocal = Address::v4(10, 0, 0, 1);
constexpr std::uint16_t kPort = 7;
constexpr std::uint64_t kReceiveBytes = 1 << 20;
constexpr std::uint32_t kLength = 100;

core::CoreConfig config() {
  core::CoreConfig config;
  config.link_bits_per_second = 0;
  config.message_bytes_max = 60'000;
  config.receive_region_bytes = kReceiveBytes;
  HOMA_CHECK(config.validate());
  return config;
}

class World {
 public:
  explicit World(std::uint32_t programs) {
    engine_->set_memory_total(std::uint64_t{1} << 30);
    server_ = add(kPort);
    for (std::uint32_t i = 0; i < programs; ++i) {
      auto client = add(0);
      (i % 2 == 0 ? busy_ : idle_).push_back(std::move(client));
    }
  }

  void step(std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps; ++i) engine_->step(now_);
  }
  void sleep(std::uint64_t sleeps) {
    for (std::uint64_t i = 0; i < sleeps; ++i) engine_->sleep(now_, now_ + Duration{1'000'000});
  }
  void run(std::uint64_t rpcs) {
    for (std::uint64_t i = 0; i < rpcs; ++i) call(*busy_[i % busy_.size()]);
  }

 private:
  std::unique_ptr<ApplicationEnd> add(std::uint16_t port) {
    auto doorbell = std::make_shared<channel::Doorbell>();
    engine::ProgramLimits limits{16, 1'000, {}};
    limits.account.memory_guaranteed = 1 << 20;
    limits.account.rpcs_guaranteed = 16;
    auto* const program =
        engine_->add_program(engine::ReceiveRegion::create(kReceiveBytes).value(), doorbell, limits)
            .value();
    channel::ChannelConfig small;
    small.submission_entries = 16;
    small.completion_entries = 16;
    small.transmit_bytes = 1 << 16;
    auto region = channel::Region::create(small).value();
    const std::uint32_t number = engine_->attach(*program, region, port).value();
    auto application = std::make_unique<ApplicationEnd>(
        region, channel::Bell(state_, doorbell, number, wake_.get()));
    Submission open;
    open.kind = SubmissionKind::kOpen;
    open.port = port;
    submit(*application, open);
    HOMA_CHECK(next(*application).kind == CompletionKind::kOpened);
    return application;
  }
  static void submit(ApplicationEnd& application, const Submission& submission) {
    HOMA_CHECK(application.submit(submission));
    application.publish();
  }
  // What comes next, apart from transmit memory that comes back.
  Completion next(ApplicationEnd& application) {
    Completion completion;
    for (;;) {
      while (!application.next(&completion)) {
        now_ += Duration{1'000};
        engine_->step(now_);
      }
      application.done_reading();
      if (completion.kind != CompletionKind::kTransmitDone) return completion;
      HOMA_CHECK(application.free(completion.memory));
    }
  }
  static void release(ApplicationEnd& application, const Completion& message) {
    Submission release;
    release.kind = SubmissionKind::kRelease;
    release.memory = message.memory;
    submit(application, release);
  }
  void call(ApplicationEnd& client) {
    Submission send;
    send.kind = SubmissionKind::kSend;
    send.handle = channel::make_handle(0, ++calls_);
    send.memory = *client.allocate(kLength);
    send.length = kLength;
    send.peer = channel::PeerRecord::of({kLocal, kPort});
    submit(client, send);
    const Completion request = next(*server_);
    HOMA_CHECK(request.kind == CompletionKind::kRequest);
    release(*server_, request);
    Submission reply;
    reply.kind = SubmissionKind::kReply;
    reply.handle = request.handle;
    reply.memory = *server_->allocate(kLength);
    reply.length = kLength;
    submit(*server_, reply);
    const Completion response = next(client);
    HOMA_CHECK(response.kind == CompletionKind::kResponse);
    release(client, response);
  }

  Time now_{std::chrono::seconds(1)};
  engine::FakeNetwork network_;
  base::Descriptor wake_{channel::create_descriptor().value()};
  std::shared_ptr<channel::EngineState> state_ = std::make_shared<channel::EngineState>();
  std::unique_ptr<engine::Engine> engine_ =
      engine::Engine::create(config(), std::make_unique<engine::FakeIo>(network_, kLocal), 1,
                             wake_.get(), Duration::zero(), state_)
          .value();
  std::unique_ptr<ApplicationEnd> server_;
  std::vector<std::unique_ptr<ApplicationEnd>> busy_, idle_;
  std::uint64_t calls_ = 0;
};

int main(int argc, char** argv) {
  std::uint32_t programs = 2;
  std::uint64_t rpcs = 0, steps = 0, sleeps = 0;
  CLI::App app("An engine that serves many programs, half of them idle");
  app.add_option("--programs", programs, "beside the server")->check(CLI::Range(1, 1'000));
  app.add_option("--rpcs", rpcs, "round trips of the busy ones");
  app.add_option("--steps", steps, "steps that find nothing to do");
  app.add_option("--sleeps", sleeps, "sleeps that end at once");
  CLI11_PARSE(app, argc, argv);
  World world(programs);
  world.run(2 * programs);  // tables have grown to their size
  world.run(rpcs);
  world.step(steps);
  world.sleep(sleeps);
  return 0;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
