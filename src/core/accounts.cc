#include "core/accounts.h"

#include <algorithm>

#include "base/check.h"

namespace homa::core {

Accounts::Accounts(std::uint64_t default_receive_bytes, std::uint32_t message_bytes_max,
                   std::uint32_t rpcs_max)
    : message_bytes_max_(message_bytes_max), rpcs_(rpcs_max) {
  AccountLimits limits;
  limits.receive_bytes = default_receive_bytes;
  HOMA_CHECK(open(limits) != nullptr);
}

Account* Accounts::open(const AccountLimits& limits) {
  auto slot = std::find(slots_.begin(), slots_.end(), nullptr);
  if (slot == slots_.end()) slot = slots_.emplace(slots_.end());
  const AccountId id{static_cast<std::uint32_t>(slot - slots_.begin())};
  auto account = std::make_unique<Account>(id, limits, message_bytes_max_, pressure_);
  const bool follows = limits.receive_bytes == BufferPool::kMemoryFollows;
  if (!pressure_.join(account->memory, limits.memory_guaranteed, limits.memory_max,
                      follows ? 0 : limits.receive_bytes)) {
    return nullptr;
  }
  // When there are many accounts, the last ones get less: slots are worth little when unused.
  const std::uint64_t guaranteed = std::min<std::uint64_t>(limits.rpcs_guaranteed, rpcs_.common());
  HOMA_CHECK(rpcs_.join(account->rpcs, guaranteed, QuotaShare::kUnlimited));
  *slot = std::move(account);
  return slot->get();
}

void Accounts::remove(Account& account) {
  HOMA_CHECK(account.ports.empty() && account.id != kDefaultAccount);
  if (account.waiting_hook.is_linked()) waiting_.erase(waiting_.iterator_to(account));
  pressure_.leave(account.memory);
  rpcs_.leave(account.rpcs);
  slots_[raw(account.id)].reset();
}

Account* Accounts::next_waiting() {
  while (!waiting_.empty()) {
    Account& account = waiting_.front();
    if (account.pool.waiting()) {
      waiting_.splice(waiting_.end(), waiting_, waiting_.begin());
      return &account;
    }
    waiting_.pop_front();
  }
  return nullptr;
}

}  // namespace homa::core
