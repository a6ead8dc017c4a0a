#include "daemon/policy.h"

#include <algorithm>

namespace homa::daemon {
namespace {

template <typename T>
bool contains(const std::vector<T>& all, T one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool is_in_any(const Credentials& who, const std::vector<gid_t>& groups) {
  return std::any_of(groups.begin(), groups.end(),
                     [&](gid_t group) { return contains(who.groups, group); });
}

}  // namespace

const Limits& Policy::limits(const Credentials& who) const {
  for (const LimitRule& rule : limits_) {
    if (rule.user == who.user) return rule.limits;
  }
  for (const LimitRule& rule : limits_) {
    if (rule.group && contains(who.groups, *rule.group)) return rule.limits;
  }
  return usual_;
}

std::optional<std::string> Policy::refuses(const Credentials& who, std::uint16_t port) const {
  if (who.user == 0) return std::nullopt;
  for (const PortRule& rule : ports_) {
    if (port < rule.first || port > rule.last) continue;
    if (contains(rule.users, who.user) || is_in_any(who, rule.groups)) continue;
    return "user " + std::to_string(who.user) + " may not serve port " + std::to_string(port) +
           " (rule \"" + rule.name + "\" of homad's configuration)";
  }
  return std::nullopt;
}

}  // namespace homa::daemon
