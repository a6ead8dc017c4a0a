#include "client/process_mark.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "base/failure.h"

namespace homa::client {

namespace {
std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
}  // namespace

Result<ProcessMark, Error> ProcessMark::create() {
  void* const page =
      ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return system_failure("cannot map a page", errno);
  ProcessMark mark(new (page) std::atomic<std::uint32_t>(1));
  if (::madvise(page, page_bytes(), MADV_WIPEONFORK) != 0) {
    return system_failure("cannot mark a page for fork (Linux 4.14 or later is needed)", errno);
  }
  return mark;
}

ProcessMark::~ProcessMark() {
  if (mark_ != nullptr) ::munmap(mark_, page_bytes());
}

Error wrong_process() {
  return {ErrorCode::kWrongProcess,
          "this host belongs to the process that opened it, and this process was forked from it; "
          "open a host here"};
}

}  // namespace homa::client
