// Accounts: who is charged for receive memory and for what happens on its ports. An embedded host
// has one, a host that serves several programs has one for each.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/buffer_pool.h"
#include "core/packets.h"

namespace homa::core {

struct Account;

// A port of this host that is open, or was closed and still has RPCs that have to end.
struct LocalPort {
  Port number{};
  Account* account = nullptr;
  PortShare* share = nullptr;  // of the account's memory
  bool closing = false;
  bool draining = false;     // new requests are refused
  std::uint32_t served = 0;  // requests in progress
  std::unique_ptr<LocalPort> next_closing;
  boost::intrusive::list_member_hook<> account_hook;
};

struct Account {
  Account(AccountId its_id, std::uint64_t receive_bytes, std::uint32_t longest)
      : id(its_id), pool(receive_bytes, longest) {}

  ~Account() { ports.clear(); }

  AccountId id;
  bool closing = false;
  BufferPool pool;
  boost::intrusive::list<
      LocalPort, boost::intrusive::member_hook<LocalPort, boost::intrusive::list_member_hook<>,
                                               &LocalPort::account_hook>>
      ports;  // open ones, and those that are closing
};

class Accounts {
 public:
  // With the default account, which lasts.
  // message_bytes_max: of a message that is received.
  Accounts(std::uint64_t default_receive_bytes, std::uint32_t message_bytes_max)
      : message_bytes_max_(message_bytes_max) {
    open(default_receive_bytes);
  }

  Account& open(std::uint64_t receive_bytes);
  // nullptr: no such account (any more).
  Account* find(AccountId id) { return raw(id) < slots_.size() ? slots_[raw(id)].get() : nullptr; }
  // An account without ports goes; its id may be given again.
  void remove(Account& account);
  std::uint64_t receive_bytes_used() const;  // of all of them

 private:
  std::uint32_t message_bytes_max_;
  std::vector<std::unique_ptr<Account>> slots_;  // by id
};

}  // namespace homa::core
