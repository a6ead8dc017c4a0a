#include "core/accounts.h"

#include <algorithm>

#include "base/check.h"

namespace homa::core {

Account& Accounts::open(std::uint64_t receive_bytes) {
  auto slot = std::find(slots_.begin(), slots_.end(), nullptr);
  if (slot == slots_.end()) slot = slots_.emplace(slots_.end());
  const AccountId id{static_cast<std::uint32_t>(slot - slots_.begin())};
  *slot = std::make_unique<Account>(id, receive_bytes, message_bytes_max_);
  return **slot;
}

void Accounts::remove(Account& account) {
  HOMA_CHECK(account.ports.empty() && account.id != kDefaultAccount);
  slots_[raw(account.id)].reset();
}

std::uint64_t Accounts::receive_bytes_used() const {
  std::uint64_t used = 0;
  for (const auto& account : slots_) {
    if (account) used += account->pool.used();
  }
  return used;
}

}  // namespace homa::core
