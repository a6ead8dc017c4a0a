// The channels that an engine serves: which of them have something to do, and whose port is whose.
//
// Nothing here visits every channel. Applications ring their doorbells; channels that rang, or that
// events go to, are active. An active channel is looked at in every step, until it has been quiet
// for a while (docs/decisions/0010-doorbells.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "channel/doorbell.h"
#include "engine/attachment.h"
#include "engine/program.h"
#include "engine/step_budget.h"
#include "trace/state_layout.h"

namespace homa::engine {

class Attachments {
 public:
  // Taken from one channel in one step.
  static constexpr std::size_t kSubmissionsPerStep = 256;

  // `receive`: the default account's. `wake_fd`: the eventfd that the engine sleeps on. `state`:
  // what programs see of that. `scope`: as in AttachmentContext.
  Attachments(core::Endpoint& endpoint, ReceiveRegion receive, Published& published, int wake_fd,
              std::shared_ptr<channel::EngineState> state, std::uint32_t scope);

  // Serves a further channel of the engine's own process until its application is gone. kNoMemory.
  Result<channel::Bell, Error> attach(std::shared_ptr<channel::Region> region);

  // --- Sockets of its own process with receive memory of their own ---
  // Serves a further channel, whose messages wait until give_memory(). kNoMemory.
  struct Apart {
    channel::Bell bell;
    std::shared_ptr<Program> program;
  };
  Result<Apart, Error> attach_apart(std::shared_ptr<channel::Region> region);
  // Once. The memory must stay until Program::receive.take_back(). kNoMemory, kClosed (the channel
  // is gone).
  Result<void, Error> give_memory(Time now, Program& program, std::span<std::byte> memory);

  // --- Other processes ---
  // Their channels ring `doorbell`, and their messages come to `receive`. kNoMemory.
  Result<Program*, Error> add_program(ReceiveRegion receive,
                                      std::shared_ptr<channel::Doorbell> doorbell,
                                      const ProgramLimits& limits);
  // Serves a further channel, which may open `port` only (0: any free client's). The result is the
  // channel's number in the program's doorbell. kNoMemory.
  Result<std::uint32_t, Error> attach(Program& program, std::shared_ptr<channel::Region> region,
                                      std::uint16_t port);
  // That channel may open a further port: this one only. False: the program has no such channel.
  bool permit_port(Program& program, std::uint32_t number, std::uint16_t port);
  // The same, and the port is opened. kInUse: another channel has it.
  struct Opened {
    std::uint32_t number;
    std::uint16_t port;
  };
  Result<Opened, Error> attach_and_open(Program& program, std::shared_ptr<channel::Region> region,
                                        std::uint16_t port);
  // The program is gone: what it has is taken back step by step. Do not use `program` any more.
  void remove_program(Program& program);
  // Other processes' programs: those whose messages take most memory, as many as `to` has room for.
  // Returns how many.
  std::size_t describe_programs(std::span<trace::ProgramEntry> to) const;
  std::size_t programs() const { return programs_size_; }  // with those that are leaving
  std::uint64_t incidents() const { return incidents_; }   // of all programs, so far

  std::size_t size() const { return size_; }
  // That the next step looks at.
  std::size_t active() const { return active_.size(); }

  struct Taken {
    std::size_t count = 0;  // what was found to do
    bool ending = false;    // call end()
    bool opening = false;   // call open()
  };
  // Takes submissions from channels that have some, by turns: bounded in all and for each program.
  Taken take_submissions(Time now);
  // A step had something to do.
  void note_work() { steps_without_work_ = 0; }
  // Closes the channels whose application asked for it, and goes on with taking back what those
  // hold whose application is gone: bounded in all.
  void end(Time now);
  // Opens the ports that were asked for. After end(): a port that was closed just before is free.
  void open();
  // Shows applications what was completed for them; forgets channels that have ended and looks no
  // more at those that are quiet.
  void publish();

  // Puts payload where the endpoint wants it.
  void copy_in(core::AccountId account, core::BufferOffset offset,
               std::span<const std::byte> bytes) {
    // A program that has left wants its last messages no more.
    if (Program* const to = programs_[raw(account)].get()) to->receive.copy_in(raw(offset), bytes);
  }
  const ReceiveRegion& own_memory() const { return programs_.front()->receive; }

  // Some port has been opened since the beginning.
  bool has_ports() const { return port_owners_.any(); }
  // The channel that has opened the port; nullptr: none has.
  Attachment* of_port(Port port);
  std::span<const std::byte> transmit(core::TransmitToken token, std::uint32_t offset,
                                      std::uint32_t length) const;
  void transmit_done(core::TransmitToken token);

  // --- Sleeping ---
  // From now on whoever rings wakes the engine. False: there is something to do, do not sleep.
  bool announce_sleep(bool release_wanted);
  // `rung`: somebody ended the sleep.
  void announce_awake(bool rung);
  // Any thread: ends a sleep.
  void wake();

  // Ends every channel's ports and RPCs.
  void close_all(Time now);
  // Applications learn that no engine serves them.
  void clear();

 private:
  static constexpr std::size_t kChannelsMax = 0xffff;

  struct Place {
    std::unique_ptr<Attachment> attachment;
    BellGroup* group = nullptr;
    std::uint32_t number = 0;       // in the group
    std::uint16_t quiet_steps = 0;  // since it last submitted something
    bool active = false;
  };

  Result<std::uint16_t, Error> add(Program& program, std::shared_ptr<channel::Region> region,
                                   std::optional<std::uint16_t> port);
  void add_group(Program& program, std::shared_ptr<channel::Doorbell> doorbell);
  // Its place in programs_, which becomes its account's.
  void add_program(std::shared_ptr<Program> program);
  void forget(Place& place, std::uint16_t index);
  // How many.
  std::size_t close_left_programs(Time now);
  void reserve(std::size_t places);
  void activate(std::uint16_t index);
  void hear();
  bool find_ringing();
  bool stays_active(Place& place, std::uint16_t index, std::size_t others);
  bool rest(std::uint16_t index);

  core::Endpoint& endpoint_;
  Published& published_;
  int wake_fd_;
  std::uint32_t scope_;
  const std::shared_ptr<channel::EngineState> state_;
  const std::shared_ptr<channel::Doorbell> own_doorbell_ = std::make_shared<channel::Doorbell>();
  std::vector<std::shared_ptr<Program>> programs_;  // by account; the first is our own process
  std::size_t programs_size_ = 1;
  std::size_t programs_leaving_ = 0;
  std::uint64_t incidents_ = 0;
  // A doorbell, and its first word: a look at that is all that most doorbells need.
  struct Heard {
    const channel::Atomic<std::uint64_t>* rung;
    BellGroup* group;
  };
  std::vector<Heard> groups_;   // of all programs
  std::size_t next_group_ = 0;  // to be heard first in the next step
  std::uint64_t steps_without_work_ = 0;
  std::vector<Place> places_;
  std::vector<std::uint16_t> free_;  // indices
  std::size_t size_ = 0;
  PortOwners port_owners_;
  std::vector<std::uint16_t> active_;  // indices
  std::size_t turn_ = 0;               // in active_: who submits first in the next step
  StepBudget budget_;
};

}  // namespace homa::engine
