// May this request start, and what is answered if not? Knows the open ports, how many requests are
// in progress, and which ones ran before (docs/protocol.md#at-most-once, #errors).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "core/accounts.h"
#include "core/config.h"
#include "core/finished_ids.h"
#include "core/packets.h"
#include "homa/result.h"
#include "wire/header.h"

namespace homa::core {

class Admission {
 public:
  Admission(const CoreConfig& config, const base::HashKey& key);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // --- Ports ---
  // Port 0: a free client port, chosen at random. kInUse: it is open, or none is free. kNoMemory.
  Result<LocalPort*, ErrorCode> open(Port port, Account& account, std::mt19937_64& random);
  // nullptr: nobody has opened it.
  LocalPort* find(Port port) const { return ports_[raw(port)].get(); }
  // While the host starts, a request to a port that was never open is not answered: its server may
  // be about to open it, and the client tries again.
  void set_starting(bool starting) { starting_ = starting; }
  // There is certainly nobody at a port that find() does not find.
  bool is_closed(Port port) const { return !starting_ || was_open_[raw(port)]; }
  // From now on nobody has it. What it has in progress is the caller's to end, in its own time.
  void close(LocalPort& port);
  // The port that was closed first and has not been removed; nullptr: none.
  LocalPort* closing() const { return closing_.get(); }
  // Of closing(), once nothing of it is in progress.
  void remove_closing();

  // --- Requests ---
  struct Refusal {
    DropReason reason;
    ErrorCode answer;  // kOk: none
  };
  // The first packet that came of a request to an open port. nullopt: it may start, unless it ran
  // before, the port is draining, or there is no slot for it.
  std::optional<Refusal> refusal(const LocalPort& port, const wire::DataHeader& data) const;
  // The same, of a peer that is known. A request that ran before is not told that the port is
  // draining, because that means that it was not executed.
  std::optional<Refusal> refusal_of_peer(const LocalPort& port, const Peer& peer,
                                         const wire::DataHeader& data) const;
  // The application had such a request, so that it must not run again.
  bool may_have_run(const Peer& peer, WireId client_id) const {
    return finished_.may_have_run(peer, client_id);
  }
  // The port or its account has as many requests in progress as it may have.
  bool is_full(const LocalPort& port) const {
    return port.served >= config_.served_rpcs_per_port_max ||
           port.account->served >= port.account->served_max;
  }
  // Is there an RPC slot for one more request of the peer? Strangers, who have not proved their
  // address, leave some to others; so does a single peer (docs/protocol.md#slots). What is
  // guaranteed to the account is for peers that have proved theirs, whoever has the rest.
  bool has_slot(const LocalPort& port, const Peer& peer, bool is_stranger) const;
  void request_started(LocalPort& port, bool of_stranger);
  // `ran`: the application had it, so it must not run again.
  void request_ended(LocalPort& port, Peer& peer, WireId client_id, bool of_stranger, bool ran);

 private:
  // A peer may have so many times what it leaves free: one alone gets eight ninths.
  static constexpr std::uint32_t kPeerShareOfFree = 8;

  const CoreConfig& config_;
  const std::uint32_t served_max_, of_strangers_max_;
  std::uint32_t served_ = 0;        // requests in progress, over all ports
  std::uint32_t of_strangers_ = 0;  // among them
  FinishedIds finished_;
  std::vector<std::unique_ptr<LocalPort>> ports_;  // by number
  std::vector<bool> was_open_;                     // by number: since the host began
  bool starting_ = false;
  // A list, so that closing a port needs no memory.
  std::unique_ptr<LocalPort> closing_;
  LocalPort* last_closing_ = nullptr;  // if there is one
};

// --- Inline: once for each request ---

inline std::optional<Admission::Refusal> Admission::refusal(const LocalPort& port,
                                                            const wire::DataHeader& data) const {
  if (is_client_port(port.number)) {
    return Refusal{DropReason::kNotForClient, ErrorCode::kNotAServer};
  }
  if (data.message_length > config_.message_bytes_max) {
    return Refusal{DropReason::kTooLong, ErrorCode::kTooLong};
  }
  return std::nullopt;
}

inline std::optional<Admission::Refusal> Admission::refusal_of_peer(
    const LocalPort& port, const Peer& peer, const wire::DataHeader& data) const {
  if (!finished_.may_have_run(peer, data.common.sender_id)) {
    if (!port.draining) return std::nullopt;
    return Refusal{DropReason::kDraining, ErrorCode::kDraining};
  }
  // A copy that the network made needs no answer; a sender that tries again does.
  const bool sent_again = data.retransmit != 0;
  return Refusal{DropReason::kFinished, sent_again ? ErrorCode::kStale : ErrorCode::kOk};
}

inline bool Admission::has_slot(const LocalPort& port, const Peer& peer, bool is_stranger) const {
  if (is_full(port)) return false;
  if (!is_stranger && port.account->rpcs.used < port.account->rpcs.guaranteed) return true;
  if (is_stranger && of_strangers_ >= of_strangers_max_) return false;
  return served_ < served_max_ && peer.rpcs.size() <= kPeerShareOfFree * (served_max_ - served_);
}

inline void Admission::request_started(LocalPort& port, bool of_stranger) {
  ++port.served;
  ++port.account->served;
  ++served_;
  if (of_stranger) ++of_strangers_;
}

inline void Admission::request_ended(LocalPort& port, Peer& peer, WireId client_id,
                                     bool of_stranger, bool ran) {
  --port.served;
  --port.account->served;
  --served_;
  if (of_stranger) --of_strangers_;
  if (ran) finished_.add(peer, client_id);
}

}  // namespace homa::core
