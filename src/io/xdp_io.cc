#include "io/xdp_io.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "io/sleep.h"

namespace homa::io {
namespace {

// receive() looks at the companion and at the kernel's notifications once in so many calls: a
// polling engine then spends 1/1000 of its time on them and hears within 100 us.
constexpr std::uint32_t kLookAroundCalls = 1024;
constexpr std::size_t kPeersMax = 16'384;  // more: all are forgotten and asked for again
constexpr unsigned kQueueShift = 48;
constexpr std::uint64_t kAddressMask = (1ULL << kQueueShift) - 1;

}  // namespace

MacAddress hardware_address(const base::Descriptor& socket, const std::string& interface) {
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  MacAddress mac{};
  if (ioctl(socket.get(), SIOCGIFHWADDR, &question) == 0 &&
      question.ifr_hwaddr.sa_family == ARPHRD_ETHER) {
    std::memcpy(mac.data(), question.ifr_hwaddr.sa_data, mac.size());
  }
  return mac;
}

std::size_t XdpIo::Hash::operator()(const Address& address) const {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, address.ip.data(), 8);
  std::memcpy(&low, address.ip.data() + 8, 8);
  std::uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15ULL)) + address.udp_port;
  mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9ULL;
  return mixed ^ (mixed >> 32);
}

XdpIo::XdpIo(XdpParts parts)
    : companion_(std::move(parts.companion)),
      monitor_(std::move(parts.monitor)),
      hops_(std::move(parts.hops)),
      rings_(std::move(parts.rings)),
      program_(std::move(parts.program)),
      capabilities_(std::move(parts.capabilities)),
      control_(std::move(parts.control)),
      interface_(std::move(parts.interface)),
      mac_(parts.mac),
      carrier_(capabilities_.carrier) {
  for (const int fd : rings_->descriptors()) waited_for_.push_back({fd, POLLIN, 0});
  waited_for_.push_back({hops_->descriptor(), POLLIN, 0});
  waited_for_.push_back({companion_->descriptors().front(), POLLIN, 0});
  waited_for_.push_back({-1, POLLIN, 0});
}

XdpIo::~XdpIo() = default;

std::size_t XdpIo::receive(std::span<RxFrame> frames) {
  if (rings_->unsent()) rings_->kick();
  if (++receive_calls_ >= kLookAroundCalls) look_around();
  if (companion_has_more_) {
    const std::size_t count = companion_->receive(frames);
    companion_has_more_ = count == frames.size();
    if (count > 0) return count;
  }
  const std::span<XdpFrame> raw(received_);
  const std::size_t got = rings_->receive(raw.first(std::min(kBatch, frames.size())));
  if (got == 0) return 0;
  for (std::size_t i = 0; i < got; ++i) __builtin_prefetch(rings_->data(raw[i].address));
  ++statistics_.receive_calls;
  std::size_t count = 0;
  for (std::size_t i = 0; i < got; ++i) {
    const std::span<const std::byte> bytes(rings_->data(raw[i].address), raw[i].length);
    auto parsed = parse_frame(bytes);
    if (!parsed) {
      rings_->release(raw[i].address, raw[i].queue);
      ++statistics_.receive_dropped;
      continue;
    }
    if (parsed->source.is_link_local()) parsed->source.scope = capabilities_.scope;
    if (parsed->carrier != carrier_ || other_carrier_ > 0) learn_carrier(*parsed);
    frames[count++] = {parsed->source, bytes.subspan(parsed->offset, parsed->length),
                       raw[i].address | (std::uint64_t{raw[i].queue} << kQueueShift), kAnyPath,
                       parsed->priority};
  }
  statistics_.frames_received += count;
  return count;
}

void XdpIo::release(std::span<const RxFrame> frames) {
  for (const RxFrame& frame : frames) {
    if (rings_->owns(frame.bytes.data())) {
      rings_->release(frame.token & kAddressMask,
                      static_cast<std::uint32_t>(frame.token >> kQueueShift));
    } else {
      companion_->release(std::span(&frame, 1));
    }
  }
  rings_->refill();
}

// A peer is answered in the wire format it speaks, so that `udp` and `raw` hosts both reach us.
void XdpIo::learn_carrier(const ParsedFrame& parsed) {
  Peer& from = peer(parsed.source);
  if (from.carrier == parsed.carrier) return;
  from.carrier = parsed.carrier;
  if (from.carrier == carrier_) {
    --other_carrier_;
  } else {
    ++other_carrier_;
  }
  build_headers(parsed.source, from);
}

XdpIo::Peer& XdpIo::peer(const Address& address) {
  if (last_peer_ != nullptr && last_address_ == address) return *last_peer_;
  if (peers_.size() >= kPeersMax) {
    peers_.clear();
    other_carrier_ = 0;
  }
  const auto [at, is_new] = peers_.try_emplace(address);
  if (is_new) at->second.carrier = carrier_;
  last_peer_ = &at->second;
  last_address_ = address;
  return at->second;
}

void XdpIo::build_headers(const Address& address, Peer& peer) {
  peer.headers = FrameHeaders(peer.carrier, mac_, peer.hop.mac, capabilities_.local, address);
}

void XdpIo::resolve(const Address& address, Peer& peer) {
  peer.known = true;
  if (address.is_v4() != capabilities_.local.is_v4()) {
    peer.hop.state = NextHop::State::kElsewhere;
    return;
  }
  peer.hop = hops_->find(address);
  build_headers(address, peer);
}

bool XdpIo::ready(const Address& address, Peer& peer) {
  if (!peer.known) resolve(address, peer);
  if (peer.hop.state == NextHop::State::kStale) {
    hops_->confirm(peer.hop.neighbour);
    peer.hop.state = NextHop::State::kReady;  // until the kernel says otherwise
  }
  return peer.hop.state == NextHop::State::kReady;
}

std::size_t XdpIo::send(std::span<const TxFrame> frames) {
  ++statistics_.send_calls;
  std::size_t done = 0;
  while (done < frames.size()) {
    const auto batch = frames.subspan(done, std::min(kBatch, frames.size() - done));
    std::array<std::uint64_t, kBatch> empty;
    const std::span<XdpFrame> filled(filled_);
    const std::size_t taken = rings_->take(std::span(empty).first(batch.size()));
    std::size_t used = 0;
    std::size_t handled = 0;
    for (const TxFrame& frame : batch) {
      Peer& to = peer(frame.destination);
      const std::size_t homa_bytes = frame.header.size() + frame.payload.size();
      if (!ready(frame.destination, to) || homa_bytes > capabilities_.packet_bytes_max) {
        send_by_kernel(frame, to);
        ++handled;
        continue;
      }
      if (used == taken) break;
      std::byte* at = rings_->data(empty[used]);
      std::byte* homa = at + to.headers.size();
      std::memcpy(homa, frame.header.data(), frame.header.size());
      if (!frame.payload.empty()) {
        std::memcpy(homa + frame.header.size(), frame.payload.data(), frame.payload.size());
      }
      to.headers.write(at, static_cast<std::uint32_t>(homa_bytes), frame.priority);
      filled[used] = {empty[used], static_cast<std::uint32_t>(to.headers.size() + homa_bytes), 0};
      ++used;
      ++handled;
    }
    rings_->give_back(std::span(empty).subspan(used, taken - used));
    rings_->transmit(filled.first(used));
    if (rings_->unsent()) rings_->kick();
    statistics_.frames_sent += used;
    done += handled;
    if (handled < batch.size()) break;
  }
  return done;
}

void XdpIo::send_by_kernel(const TxFrame& frame, const Peer& peer) {
  receive_calls_ = kLookAroundCalls;  // the neighbour may answer soon
  // The companion speaks one wire format only; the peer's sender tries again.
  if (peer.carrier != carrier_ || companion_->send(std::span(&frame, 1)) != 1) {
    ++statistics_.send_refused;
  }
}

void XdpIo::look_around() {
  receive_calls_ = 0;
  companion_has_more_ = true;
  take_changes();
}

void XdpIo::take_changes() {
  changes_.clear();
  if (!hops_->changes(changes_)) {
    mac_ = hardware_address(control_, interface_);
    monitor_->changed();
    routes_changed_ = true;
    for (auto& [address, peer] : peers_) peer.known = false;
    return;
  }
  for (const NeighbourChange& change : changes_) {
    for (auto& [address, peer] : peers_) {
      if (!peer.known || peer.hop.neighbour != change.neighbour) continue;
      if (peer.hop.state == NextHop::State::kElsewhere) continue;
      // Unresolved: ask again at the next packet, which also has it resolved again.
      peer.known = change.state != NextHop::State::kUnresolved;
      peer.hop.state = change.state;
      if (!peer.known || peer.hop.mac == change.mac) continue;
      peer.hop.mac = change.mac;
      build_headers(address, peer);
    }
  }
}

std::size_t XdpIo::errors(std::span<IoError> errors) {
  if (!routes_changed_ || errors.empty()) return companion_->errors(errors);
  routes_changed_ = false;
  errors[0] = IoError{};
  errors[0].kind = IoError::Kind::kRoutesChanged;
  return 1 + companion_->errors(errors.subspan(1));
}

// What is longer than a frame of packet memory cannot go, whatever the route takes.
Route XdpIo::route(const Address& peer) {
  Route route = monitor_->route(peer);
  route.packet_bytes_max = std::min(route.packet_bytes_max, capabilities_.packet_bytes_max);
  return route;
}

bool XdpIo::wait(std::chrono::nanoseconds at_most, int wake_fd) {
  if (rings_->unsent()) rings_->kick();
  waited_for_.back().fd = wake_fd;
  if (!sleep_on(waited_for_, at_most)) return false;
  const std::size_t queues = rings_->descriptors().size();
  if (waited_for_[queues].revents != 0) take_changes();
  if (waited_for_[queues + 1].revents != 0) companion_has_more_ = true;
  return waited_for_.back().revents != 0;
}

IoStatistics XdpIo::statistics() const {
  IoStatistics total = statistics_;
  total += companion_->statistics();
  total.receive_dropped += rings_->dropped();
  return total;
}

}  // namespace homa::io
