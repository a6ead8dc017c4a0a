// RPCs of one peer in line for something: first come, first served. An RPC has a place for each
// line that it may stand in.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>

namespace homa::core {

struct Rpc;

struct Place {
  boost::intrusive::list_member_hook<> hook;
  Rpc* rpc = nullptr;  // whose it is

  bool in_line() const { return hook.is_linked(); }
};

class RpcLine {
 public:
  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }
  Rpc* front() { return places_.empty() ? nullptr : places_.front().rpc; }

  // At the end. Not while in line.
  void join(Place& place) { places_.push_back(place); }
  // Nothing happens if it is not in line.
  void leave(Place& place) {
    if (place.in_line()) places_.erase(places_.iterator_to(place));
  }
  // `visit` may take the RPC that it is given out of the line, and no other.
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto place = places_.begin(); place != places_.end();) visit(*(place++)->rpc);
  }
  // The first goes to the end.
  void rotate() { places_.splice(places_.end(), places_, places_.begin()); }

 private:
  boost::intrusive::list<Place, boost::intrusive::member_hook<
                                    Place, boost::intrusive::list_member_hook<>, &Place::hook>>
      places_;
};

}  // namespace homa::core
