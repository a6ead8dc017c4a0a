// Programs that share an engine: what one of them does costs the others at most a few steps.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/defaults.h"
#include "engine/engine.h"
#include "engine/fake_network.h"

namespace homa::engine {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

constexpr Address kLocal = Address::v4(10, 0, 0, 1);
constexpr std::uint16_t kPort = 4'000, kNobodysPort = 9;
constexpr std::uint64_t kReceiveBytes = 1 << 20;

class NeighboursTest : public ::testing::Test {
 protected:
  struct OneProgram {
    Program* program;
    std::shared_ptr<channel::Doorbell> doorbell = std::make_shared<channel::Doorbell>();
    std::vector<std::unique_ptr<ApplicationEnd>> channels;
    std::uint64_t calls = 0;
  };

  NeighboursTest() {
    auto io = std::make_unique<FakeIo>(network_, kLocal);
    io->knows_itself = true;
    core::CoreConfig config = defaults_for(io->capabilities());
    config.receive_region_bytes = kReceiveBytes;
    auto published = Published::in_private_memory().value();
    gauges_ = &published->gauges();
    engine_ = Engine::create(config, std::move(io), 1, wake_.get(), Duration::zero(), state_,
                             std::move(published))
                  .value();
    engine_->set_memory_total(std::uint64_t{1} << 30);
  }

  OneProgram& add(std::uint16_t port, int channels = 1) {
    auto program = std::make_unique<OneProgram>();
    ProgramLimits limits{1'024, 8'192, {}};
    limits.account.rpcs_guaranteed = 16;
    limits.account.memory_guaranteed = kReceiveBytes;
    program->program =
        engine_
            ->add_program(ReceiveRegion::create(kReceiveBytes).value(), program->doorbell, limits)
            .value();
    for (int i = 0; i < channels; ++i) {
      channel::ChannelConfig small;
      small.submission_entries = 256;
      small.completion_entries = 256;
      small.transmit_bytes = 1 << 16;
      const auto region = channel::Region::create(small).value();
      const auto opened = engine_->attach_and_open(*program->program, region, port).value();
      program->channels.push_back(std::make_unique<ApplicationEnd>(
          region, channel::Bell(state_, program->doorbell, opened.number, wake_.get())));
    }
    programs_.push_back(std::move(program));
    return *programs_.back();
  }
  static Submission request(OneProgram& from, std::uint16_t port, std::uint32_t slots) {
    Submission send;
    send.kind = SubmissionKind::kSend;
    send.handle = channel::make_handle(static_cast<std::uint32_t>(from.calls % slots),
                                       1 + from.calls / slots);
    ++from.calls;
    send.length = 100;
    send.peer = channel::PeerRecord::of({kLocal, port});
    return send;
  }
  // Fills all its rings with requests that nobody serves, and reads what comes of them or not.
  void flood(OneProgram& hostile, bool reads) {
    for (const auto& channel : hostile.channels) {
      while (channel->submit(request(hostile, kNobodysPort, 4'096))) {
      }
      channel->publish();
      Completion completion;
      while (reads && channel->next(&completion)) channel->done_reading();
    }
  }
  void step() {
    for (const auto& [hostile, reads] : floods_) flood(*hostile, reads);
    engine_->step(now_ += Duration(1'000));
  }
  // From now on a request to a port that nobody has is refused.
  void end_start() {
    engine_->step(now_);
    now_ += 2 * Engine::kStartGrace;
    engine_->step(now_);
  }
  // How many steps pass until `to` has a completion of that kind.
  int steps_until(ApplicationEnd& to, CompletionKind kind, Completion& completion) {
    for (int steps = 0; steps < 10'000; ++steps) {
      while (to.next(&completion)) {
        to.done_reading();
        if (completion.kind == kind) return steps;
      }
      step();
    }
    ADD_FAILURE() << "never";
    return 0;
  }
  // Steps of one call from `client` to `server`.
  int call(OneProgram& client, OneProgram& server) {
    ApplicationEnd& from = *client.channels.front();
    ApplicationEnd& to = *server.channels.front();
    EXPECT_TRUE(from.submit(request(client, kPort, 16)));
    from.publish();
    Completion received;
    int steps = steps_until(to, CompletionKind::kRequest, received);
    Submission reply;
    reply.kind = SubmissionKind::kReply;
    reply.handle = received.handle;
    reply.length = 100;
    EXPECT_TRUE(to.submit(reply));
    reply.kind = SubmissionKind::kRelease;
    reply.memory = received.memory;
    EXPECT_TRUE(to.submit(reply));
    to.publish();
    steps += steps_until(from, CompletionKind::kResponse, received);
    reply.memory = received.memory;
    EXPECT_TRUE(from.submit(reply));
    from.publish();
    return steps;
  }
  // Of 200 calls beside what floods.
  int slowest_call() {
    OneProgram& server = add(kPort);
    OneProgram& client = add(0);
    end_start();
    for (int i = 0; i < 100; ++i) step();
    int slowest = 0;
    for (int i = 0; i < 200; ++i) slowest = std::max(slowest, call(client, server));
    return slowest;
  }

  struct Flood {
    OneProgram* hostile;
    bool reads;
  };

  FakeNetwork network_;
  base::Descriptor wake_{channel::create_descriptor().value()};
  std::shared_ptr<channel::EngineState> state_ = std::make_shared<channel::EngineState>();
  trace::Gauges* gauges_ = nullptr;  // the engine's
  std::unique_ptr<Engine> engine_;
  Time now_ = clock_now();  // attach_and_open() reads the clock
  std::vector<std::unique_ptr<OneProgram>> programs_;
  std::vector<Flood> floods_;
};

constexpr int kAlone = 3;  // steps of a call when nobody else is there

TEST_F(NeighboursTest, ACallTakesAFewSteps) { EXPECT_LE(slowest_call(), kAlone); }

TEST_F(NeighboursTest, OneThatFloodsHoldsNobodyUp) {
  floods_ = {{&add(0), true}};
  EXPECT_LE(slowest_call(), kAlone + 2);
}

TEST_F(NeighboursTest, NorDoesOneThatReadsNothing) {
  floods_ = {{&add(0), false}};
  EXPECT_LE(slowest_call(), kAlone + 2);
}

TEST_F(NeighboursTest, NorOneWithManyChannels) {
  floods_ = {{&add(0, 200), true}};
  EXPECT_LE(slowest_call(), kAlone + 2);
}

TEST_F(NeighboursTest, NorDoManyTogether) {
  for (int i = 0; i < 30; ++i) floods_.push_back({&add(0), i % 2 == 0});
  EXPECT_LE(slowest_call(), kAlone + 9);
}

TEST_F(NeighboursTest, OfManyThatAreIdleTheNextOneIsHeardSoon) {
  for (int i = 0; i < 200; ++i) add(0);
  end_start();
  for (std::size_t i = 0; i < 400; ++i) {
    OneProgram& program = *programs_[i * 37 % programs_.size()];
    ApplicationEnd& from = *program.channels.front();
    EXPECT_TRUE(from.submit(request(program, kNobodysPort, 16)));
    from.publish();
    Completion completion;
    EXPECT_LE(steps_until(from, CompletionKind::kFailure, completion), 4) << "by turns it were 13";
  }
}

TEST_F(NeighboursTest, OfManyThatAreIdleTheOneThatEndsASleepIsHeardAtOnce) {
  for (int i = 0; i < 100; ++i) add(0);
  end_start();
  for (const auto& program : programs_) {
    ApplicationEnd& from = *program->channels.front();
    engine_->sleep(now_, now_ + Duration(1'000'000));
    EXPECT_TRUE(from.submit(request(*program, kNobodysPort, 16)));
    from.publish();
    engine_->sleep(now_, now_ + Duration(1'000'000));  // does not begin
    Completion completion;
    EXPECT_LE(steps_until(from, CompletionKind::kFailure, completion), 2);
  }
}

// Of an engine that has nothing to do.
TEST_F(NeighboursTest, ToolsSeeThatAProgramCameOrLeft) {
  const auto shown = [this] {
    for (int i = 0; i < 4; ++i) engine_->step(now_ += Sampler::kInterval);
    return gauges_->programs_attached.load();
  };
  const std::uint64_t before = shown();
  OneProgram& program = add(0, 0);
  EXPECT_EQ(shown(), before + 1);
  engine_->remove_program(*program.program);
  EXPECT_EQ(shown(), before);
}

}  // namespace
}  // namespace homa::engine
