// Something of which a host has a certain amount, and which accounts share
// (docs/protocol.md#accounts). A part of it is guaranteed to each account: nobody else gets that,
// used or not. The rest is common: whoever comes gets some, up to its own maximum.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace homa::core {

// What one account has; part of the account.
struct QuotaShare {
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t guaranteed = 0;
  std::uint64_t maximum = kUnlimited;
  std::uint64_t used = 0;

  // What it uses of the common part, if it uses `amount` more.
  std::uint64_t beyond(std::uint64_t amount = 0) const {
    const std::uint64_t then = used + amount;
    return then > guaranteed ? then - guaranteed : 0;
  }
  // So much more would be within its own maximum.
  bool may_grow(std::uint64_t amount) const { return amount <= maximum - std::min(maximum, used); }
};

class Quota {
 public:
  // total: QuotaShare::kUnlimited, or less.
  explicit Quota(std::uint64_t total) : total_(total) {}

  // False, and nothing happens: what is guaranteed to all would be more than there is.
  bool join(QuotaShare& share, std::uint64_t guaranteed, std::uint64_t maximum) {
    if (guaranteed > total_ - std::min(total_, guaranteed_)) return false;
    share = QuotaShare{guaranteed, maximum, 0};
    guaranteed_ += guaranteed;
    return true;
  }
  // With all that it uses.
  void leave(QuotaShare& share) {
    give_back(share, share.used);
    guaranteed_ -= share.guaranteed;
    share = QuotaShare{};
  }
  // Less than before takes nothing away from anybody.
  void set_total(std::uint64_t total) { total_ = total; }

  // May the account have so much more?
  bool has_room(const QuotaShare& share, std::uint64_t amount) const {
    return share.may_grow(amount) && more_beyond(share, amount) <= left();
  }
  void take(QuotaShare& share, std::uint64_t amount) {
    beyond_ += more_beyond(share, amount);
    share.used += amount;
  }
  void give_back(QuotaShare& share, std::uint64_t amount) {
    share.used -= amount;
    beyond_ -= more_beyond(share, amount);
  }

  bool unlimited() const { return total_ == QuotaShare::kUnlimited; }
  std::uint64_t total() const { return total_; }
  std::uint64_t guaranteed() const { return guaranteed_; }  // to all accounts together
  std::uint64_t common() const { return total_ - std::min(total_, guaranteed_); }
  std::uint64_t beyond() const { return beyond_; }  // used of the common part

 private:
  // What `amount` more takes of the common part: all of it, unless something is guaranteed.
  static std::uint64_t more_beyond(const QuotaShare& share, std::uint64_t amount) {
    if (share.guaranteed == 0) [[likely]]
      return amount;
    return share.beyond(amount) - share.beyond();
  }
  std::uint64_t left() const { return common() - std::min(common(), beyond_); }

  std::uint64_t total_;
  std::uint64_t guaranteed_ = 0;
  std::uint64_t beyond_ = 0;
};

}  // namespace homa::core
