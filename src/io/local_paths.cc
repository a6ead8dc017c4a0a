#include "io/local_paths.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace homa::io {

std::size_t LocalPaths::Hash::operator()(const Key& key) const {
  std::array<std::uint64_t, 4> words{};
  std::memcpy(words.data(), key.source.data(), 16);
  std::memcpy(words.data() + 2, key.local.data(), 16);
  return base::mix(base::mix(words[0], words[1]), base::mix(words[2], words[3]) + key.device);
}

// The address that was called, and its device only where the routes from that address lead by
// another one although the device has a route of its own.
LocalPaths::End LocalPaths::choose(const Key& key, const Address& source, bool& by_kernel) {
  RouteQuestion question{.destination = source};
  if (source.is_link_local()) question.device = source.scope;
  const auto unasked = find_route(socket_, question);
  by_kernel = unasked && unasked->source == key.local &&
              (unasked->device == key.device || unasked->type == RTN_LOCAL);
  if (by_kernel || source.is_link_local()) return {key.local, 0};
  question.source = key.local;
  const auto from_local = find_route(socket_, question);
  if (from_local && from_local->device == key.device) return {key.local, 0};
  question.device = key.device;
  question.only_entries = true;
  const auto by_device = find_route(socket_, question);
  return {key.local, by_device && by_device->device == key.device ? key.device : 0};
}

PathId LocalPaths::number(const End& end) {
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    if (ends_[i].local == end.local && ends_[i].device == end.device) {
      return static_cast<PathId>(i + 1);
    }
  }
  if (ends_.size() == kEndsMax) return kAnyPath;
  ends_.push_back(end);
  return static_cast<PathId>(ends_.size());
}

PathId LocalPaths::look_up(const Key& key, const Address& source) {
  auto found = by_source_.find(key);
  if (found == by_source_.end()) {
    if (by_source_.size() == kSourcesMax) by_source_.clear();
    bool by_kernel = false;
    const End end = choose(key, source, by_kernel);
    found = by_source_.emplace(key, by_kernel ? kAnyPath : number(end)).first;
  }
  last_ = key;
  path_of_last_ = found->second;
  return found->second;
}

void LocalPaths::forget() {
  by_source_.clear();
  path_of_last_.reset();
}

}  // namespace homa::io
