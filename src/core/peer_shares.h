// What the messages of one peer use of receive memory while they arrive, in each account by itself:
// what a peer sends to one program takes nothing from its share in another
// (docs/protocol.md#memory).
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <new>

#include "core/packets.h"

namespace homa::core {

// Of one peer in one account.
struct PeerShare {
  AccountId account{};
  std::uint32_t messages = 0;  // that arrive, or wait for memory; 0: the share is not in use
  std::uint64_t bytes = 0;     // once a message is complete, it is the port's alone
  std::uint64_t turn = 0;      // of its next message that waits
};

class PeerShares {
 public:
  // Stays where it is while it has messages. nullptr: there is no memory for it. O(accounts to
  // which the peer sends at the time), and the last account is found at once.
  PeerShare* of(AccountId account) {
    auto found = std::find_if(shares_.begin(), shares_.end(), [account](const PeerShare& share) {
      return share.account == account;
    });
    if (found == shares_.end()) {
      found = std::find_if(shares_.begin(), shares_.end(),
                           [](const PeerShare& share) { return share.messages == 0; });
      if (found == shares_.end() && (found = added()) == shares_.end()) return nullptr;
      *found = PeerShare{.account = account};
    }
    shares_.splice(shares_.begin(), shares_, found);
    return &*found;
  }

 private:
  // end(): there is no memory.
  std::list<PeerShare>::iterator added() try {
    return shares_.emplace(shares_.begin());
  } catch (const std::bad_alloc&) {
    return shares_.end();
  }

  std::list<PeerShare> shares_;  // as many as were in use at once
};

}  // namespace homa::core
