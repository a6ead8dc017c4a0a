// Accounts: who is charged for memory, RPC slots and for what happens on its ports. An embedded
// host has one, a host that serves several programs has one for each.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/buffer_pool.h"
#include "core/head.h"
#include "core/memory_pressure.h"
#include "core/packets.h"
#include "core/quota.h"
#include "core/rpc_line.h"

namespace homa::core {

struct Account;

// A port of this host that is open, or was closed and still has RPCs that have to end.
struct LocalPort {
  Port number{};
  Account* account = nullptr;
  PortShare* share = nullptr;  // of the account's memory
  bool closing = false;
  bool draining = false;                         // new requests are refused
  std::uint32_t announced_above = Head::kNever;  // heads of longer requests are shown
  std::uint32_t served = 0;                      // requests in progress
  std::unique_ptr<LocalPort> next_closing;
  boost::intrusive::list_member_hook<> account_hook;
};

struct Account {
  Account(AccountId its_id, const AccountLimits& limits, std::uint32_t longest,
          MemoryPressure& pressure)
      : id(its_id),
        served_max(limits.served_max),
        waits_for_memory(limits.waits_for_memory),
        pool(limits.receive_bytes, longest, pressure, memory) {}

  ~Account() { ports.clear(); }

  AccountId id;
  bool closing = false;
  const std::uint32_t served_max;
  const bool waits_for_memory;
  std::uint32_t served = 0;  // requests in progress, over all its ports
  QuotaShare rpcs;           // in progress, its own and served
  MemoryUse memory;          // before the pool, which refers to it
  BufferPool pool;
  RpcLine half_sent;                  // requests of strangers that arrive, the oldest first
  std::uint64_t half_sent_bytes = 0;  // of receive memory that these have
  boost::intrusive::list_member_hook<> waiting_hook;
  boost::intrusive::list<
      LocalPort, boost::intrusive::member_hook<LocalPort, boost::intrusive::list_member_hook<>,
                                               &LocalPort::account_hook>>
      ports;  // open ones, and those that are closing
};

class Accounts {
 public:
  // With the default account, which lasts and has no limits of its own.
  // message_bytes_max: of a message that is received. rpcs_max: in progress, of all.
  Accounts(std::uint64_t default_receive_bytes, std::uint32_t message_bytes_max,
           std::uint32_t rpcs_max);
  ~Accounts() { waiting_.clear(); }
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  // nullptr: what is guaranteed to all would be more memory than there is.
  Account* open(const AccountLimits& limits);
  // nullptr: no such account (any more).
  Account* find(AccountId id) { return raw(id) < slots_.size() ? slots_[raw(id)].get() : nullptr; }
  // An account without ports goes; its id may be given again.
  void remove(Account& account);

  // --- RPC slots ---
  bool has_rpc_slot(const Account& account) const { return rpcs_.has_room(account.rpcs, 1); }
  void rpc_began(Account& account) { rpcs_.take(account.rpcs, 1); }
  void rpc_ended(Account& account) { rpcs_.give_back(account.rpcs, 1); }

  // --- Memory ---
  MemoryPressure& pressure() { return pressure_; }
  const MemoryPressure& pressure() const { return pressure_; }
  // A message of the account waits for room, perhaps because of others.
  void note_waiting(Account& account) {
    if (!account.waiting_hook.is_linked()) waiting_.push_back(account);
  }
  // One of those, by turns; nullptr: there is none. Accounts of which nothing waits are forgotten.
  Account* next_waiting();
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::uint32_t message_bytes_max_;
  Quota rpcs_;
  MemoryPressure pressure_{QuotaShare::kUnlimited};
  std::vector<std::unique_ptr<Account>> slots_;  // by id
  boost::intrusive::list<
      Account, boost::intrusive::member_hook<Account, boost::intrusive::list_member_hook<>,
                                             &Account::waiting_hook>>
      waiting_;
};

}  // namespace homa::core
