#include "core/admission.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace homa::core {
namespace {

constexpr std::uint16_t kClientPorts = 0xffff - kFirstClientPort + 1;

// Requests may hold this share of the RPC slots, so that peers cannot keep us from calling.
constexpr std::uint32_t kServedShareNumerator = 3, kServedShareDenominator = 4;
// Peers that have proved their address have an eighth of these to themselves.
constexpr std::uint32_t kProvedReserve = 8;

}  // namespace

Admission::Admission(const CoreConfig& config, const base::HashKey& key)
    : config_(config),
      served_max_(std::max(1U, config.rpcs_max / kServedShareDenominator * kServedShareNumerator)),
      of_strangers_max_(served_max_ - served_max_ / kProvedReserve),
      finished_(config.finished_ids_max, key),
      ports_(1U << 16),
      was_open_(1U << 16) {}

// One after the other: a long chain of destructors would need much stack.
Admission::~Admission() {
  while (closing_) closing_ = std::move(closing_->next_closing);
}

Result<LocalPort*, ErrorCode> Admission::open(Port port, Account& account,
                                              std::mt19937_64& random) {
  if (raw(port) == 0) {
    auto offset = static_cast<std::uint32_t>(random() % kClientPorts);
    for (std::uint32_t tries = 0; tries < kClientPorts && raw(port) == 0; ++tries) {
      const auto candidate = static_cast<std::uint16_t>(kFirstClientPort + offset);
      if (!ports_[candidate]) port = Port{candidate};
      offset = (offset + 1) % kClientPorts;
    }
  }
  if (raw(port) == 0 || ports_[raw(port)]) return Unexpected(ErrorCode::kInUse);
  auto& opened = ports_[raw(port)];
  try {
    auto made = std::make_unique<LocalPort>();
    made->share = &account.pool.open_share(is_client_port(port));
    opened = std::move(made);
  } catch (const std::bad_alloc&) {
    return Unexpected(ErrorCode::kNoMemory);
  }
  opened->number = port;
  was_open_[raw(port)] = true;
  opened->account = &account;
  account.ports.push_back(*opened);
  return opened.get();
}

void Admission::close(LocalPort& port) {
  port.closing = true;
  auto& end = closing_ ? last_closing_->next_closing : closing_;
  end = std::move(ports_[raw(port.number)]);
  last_closing_ = end.get();
}

void Admission::remove_closing() {
  LocalPort& port = *closing_;
  HOMA_CHECK(port.served == 0);
  port.account->pool.close_share(*port.share);
  port.account->ports.erase(port.account->ports.iterator_to(port));
  closing_ = std::move(port.next_closing);
}

}  // namespace homa::core
