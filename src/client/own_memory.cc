// Receive memory of a socket's own, at an engine in this process.
#include <utility>

#include "client/in_process_link.h"

namespace homa::client {
namespace {

class MemoryInProcess : public OwnMemory {
 public:
  MemoryInProcess(EngineRunner& runner, engine::Engine& engine,
                  std::shared_ptr<engine::Program> program)
      : runner_(runner), engine_(engine), program_(std::move(program)) {}

  Result<void, Error> give(std::span<std::byte> memory) override {
    Result<void, Error> given;
    runner_.with_engine([&] { given = engine_.give_memory(*program_, memory); });
    return given;
  }
  void take_back() override {
    runner_.with_engine([&] { program_->receive.take_back(); });
  }

 private:
  EngineRunner& runner_;
  engine::Engine& engine_;
  const std::shared_ptr<engine::Program> program_;
};

}  // namespace

Result<EngineLink::Attached, Error> InProcessLink::attach_apart(
    const channel::ChannelConfig& config) {
  auto region = channel::Region::create(config);
  if (!region) return Unexpected(region.error());
  std::optional<Result<engine::Attachments::Apart, Error>> apart;
  runner_->with_engine([&] { apart = engine_->attach_apart(*region); });
  if (!*apart) return Unexpected(apart->error());
  engine::Attachments::Apart& made = **apart;
  return Attached{std::move(region).value(), made.bell,
                  std::make_unique<MemoryInProcess>(*runner_, *engine_, std::move(made.program))};
}

}  // namespace homa::client
