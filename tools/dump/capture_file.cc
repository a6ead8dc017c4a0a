#include "tools/dump/capture_file.h"

#include <pcap/pcap.h>

#include <array>
#include <utility>

#include "base/failure.h"

namespace homa::tools {
namespace {

std::optional<io::LinkLayer> known_link(int type) {
  switch (type) {
    case DLT_EN10MB: return io::LinkLayer::kEthernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return io::LinkLayer::kRawIp;
    case DLT_LINUX_SLL: return io::LinkLayer::kLinuxCooked;
    case DLT_LINUX_SLL2: return io::LinkLayer::kLinuxCooked2;
    case DLT_NULL:
    case DLT_LOOP: return io::LinkLayer::kLoopback;
    default: return std::nullopt;
  }
}

Unexpected<Error> failure(std::string text) { return failure(ErrorCode::kSystem, std::move(text)); }

std::string shown(const std::string& path) { return path == "-" ? "standard input" : path; }

}  // namespace

void CaptureFile::Close::operator()(pcap* file) const { pcap_close(file); }

Result<CaptureFile, Error> CaptureFile::open(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> reason{};
  std::unique_ptr<pcap, Close> file(pcap_open_offline_with_tstamp_precision(
      path.c_str(), PCAP_TSTAMP_PRECISION_NANO, reason.data()));
  if (!file) {
    // libpcap says the path itself for some errors and not for others.
    std::string text(reason.data());
    if (text.rfind(path + ": ", 0) == 0) text.erase(0, path.size() + 2);
    return failure("cannot read " + shown(path) + " as a capture: " + text);
  }
  const int type = pcap_datalink(file.get());
  const auto link = known_link(type);
  if (!link) {
    const char* name = pcap_datalink_val_to_name(type);
    return failure("capture " + shown(path) + " has link type " +
                   (name != nullptr ? name : std::to_string(type)) +
                   "; known are Ethernet, raw IP, Linux cooked and loopback");
  }
  return CaptureFile(path, std::move(file), *link);
}

Result<std::optional<CapturedFrame>, Error> CaptureFile::next() {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int status = pcap_next_ex(file_.get(), &header, &bytes);
  if (status == PCAP_ERROR_BREAK) return std::optional<CapturedFrame>();
  if (status != 1) return failure("capture " + shown(path_) + ": " + pcap_geterr(file_.get()));
  CapturedFrame frame;
  // Opened for nanoseconds: tv_usec holds them.
  frame.time =
      std::chrono::seconds(header->ts.tv_sec) + std::chrono::nanoseconds(header->ts.tv_usec);
  frame.original_length = header->len;
  frame.bytes = std::as_bytes(std::span(bytes, header->caplen));
  return std::optional(frame);
}

}  // namespace homa::tools
