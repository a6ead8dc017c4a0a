// Reads capture files (pcap and pcapng, by libpcap) a frame at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "homa/error.h"
#include "homa/result.h"
#include "io/frame_decode.h"

struct pcap;

namespace homa::tools {

struct CapturedFrame {
  std::chrono::nanoseconds time{};   // since 1970
  std::size_t original_length = 0;   // of the frame on the wire; the capture may hold less
  std::span<const std::byte> bytes;  // valid until the next frame is read
};

// Owned by one thread; movable.
class CaptureFile {
 public:
  // "-" reads standard input. Errors name the file and say what is wrong with it; a link layer that
  // is none of io::LinkLayer is one of them.
  static Result<CaptureFile, Error> open(const std::string& path);

  io::LinkLayer link() const { return link_; }
  // The next frame, nullopt at the end, or why the file cannot be read on (a cut file, mostly).
  Result<std::optional<CapturedFrame>, Error> next();

 private:
  struct Close {
    void operator()(pcap* file) const;
  };
  CaptureFile(std::string path, std::unique_ptr<pcap, Close> file, io::LinkLayer link)
      : path_(std::move(path)), file_(std::move(file)), link_(link) {}

  std::string path_;
  std::unique_ptr<pcap, Close> file_;
  io::LinkLayer link_;
};

}  // namespace homa::tools
