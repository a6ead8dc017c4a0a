// Any bytes give a header or an enumerated reason; a header encodes to the bytes it was read from,
// and these parse again.
#include <algorithm>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "support/reencode.h"
#include "wire/codec.h"

namespace {

using homa::wire::DataHeader;
using homa::wire::Header;

void check_header(const Header& header, std::span<const std::byte> bytes) {
  const auto again = homa::test::reencode(header);
  HOMA_CHECK(again.size() <= bytes.size());
  HOMA_CHECK(std::equal(again.begin(), again.end(), bytes.begin()));
  const auto second = homa::wire::parse(again);
  HOMA_CHECK(second);
  HOMA_CHECK(second->index() == header.index());
  HOMA_CHECK(homa::test::reencode(*second) == again);
  if (const auto* data = std::get_if<DataHeader>(&header)) {
    HOMA_CHECK(again.size() == bytes.size());
    HOMA_CHECK(!data->payload.empty());
    HOMA_CHECK(std::uint64_t{data->offset()} + data->payload.size() <= data->message_length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = homa::wire::parse(bytes);
  if (header) {
    check_header(*header, bytes);
  } else {
    HOMA_CHECK(static_cast<std::size_t>(header.error()) < homa::wire::kParseErrors);
    HOMA_CHECK(homa::wire::to_string(header.error()) != "?");
  }
  return 0;
}
