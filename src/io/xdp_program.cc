#include "io/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/failure.h"
#include "io/xdp_filter.h"
#include "io/xdp_program_object.h"

namespace homa::io {
namespace {

using namespace std::chrono_literals;

constexpr const char* kProgramName = "homa_xdp";
// A killed process's link is freed a moment after the process.
constexpr auto kLinkReleaseTime = 1s;

// Options of libbpf, which say how large they are (LIBBPF_OPTS is not standard C++).
template <typename T>
T sized() {
  T value{};
  value.sz = sizeof value;
  return value;
}

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, ObjectCloser>;

homa_xdp_filter filter_of(const Address& local) {
  homa_xdp_filter filter{};
  filter.udp_port = base::to_big_endian(local.udp_port);
  filter.is_v6 = local.is_v4() ? 0 : 1;
  if (local.is_v4()) {
    std::memcpy(filter.address, local.ip.data() + 12, 4);
  } else {
    std::memcpy(filter.address, local.ip.data(), 16);
  }
  return filter;
}

Result<Object, Error> load(const Address& local) {
  libbpf_set_print(nullptr);  // what goes wrong is in our errors, not on stderr
  auto options = sized<bpf_object_open_opts>();
  options.object_name = kProgramName;
  Object object(bpf_object__open_mem(kXdpProgramObject, sizeof kXdpProgramObject, &options));
  if (!object) return system_failure("xdp: opening the embedded program", errno);
  const homa_xdp_filter filter = filter_of(local);
  bpf_map* data = bpf_object__find_map_by_name(object.get(), ".rodata");
  if (data == nullptr || bpf_map__set_initial_value(data, &filter, sizeof filter) != 0) {
    return failure(ErrorCode::kSystem, "xdp: the embedded program has no filter to set");
  }
  const int status = bpf_object__load(object.get());
  if (status == -EPERM || status == -EACCES) {
    return failure(ErrorCode::kNotPermitted,
                   "xdp: loading the XDP program is not permitted: it needs CAP_NET_ADMIN and "
                   "CAP_BPF (run as root, or use --io udp)");
  }
  if (status != 0) return system_failure("xdp: loading the XDP program", -status);
  return object;
}

struct Attached {
  std::uint32_t id = 0;
  std::string name;
};

// The program that is on the device now.
std::optional<Attached> attached(unsigned index) {
  auto query = sized<bpf_xdp_query_opts>();
  if (bpf_xdp_query(static_cast<int>(index), 0, &query) != 0 || query.prog_id == 0) {
    return std::nullopt;
  }
  Attached found{query.prog_id, "?"};
  const base::Descriptor program(bpf_prog_get_fd_by_id(query.prog_id));
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (program.valid() && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0) {
    found.name = info.name;
  }
  return found;
}

// Takes a program of ours away that was attached without a link, and so outlived its process.
void remove_stale(unsigned index, std::uint32_t id) {
  const base::Descriptor program(bpf_prog_get_fd_by_id(id));
  if (!program.valid()) return;
  auto options = sized<bpf_xdp_attach_opts>();
  // Without the padding at its end, which libbpf wants to be zero and the optimizer does not.
  options.sz = offsetof(bpf_xdp_attach_opts, old_prog_fd) + sizeof options.old_prog_fd;
  options.old_prog_fd = program.get();
  for (const std::uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    bpf_xdp_detach(static_cast<int>(index), mode, &options);
  }
}

// A link's descriptor, or -errno. A device taken by a dead process of ours is freed and tried
// again.
int link(int program, unsigned index, std::uint32_t flags) {
  auto options = sized<bpf_link_create_opts>();
  options.flags = flags;
  const auto until = std::chrono::steady_clock::now() + kLinkReleaseTime;
  while (true) {
    const int fd = bpf_link_create(program, static_cast<int>(index), BPF_XDP, &options);
    if (fd >= 0) return fd;
    const int error = errno;
    if (error != EBUSY && error != EEXIST) return -error;
    const auto other = attached(index);
    if (other && other->name != kProgramName) return -EBUSY;
    if (std::chrono::steady_clock::now() > until) return -EBUSY;
    if (other) remove_stale(index, other->id);
    std::this_thread::sleep_for(10ms);
  }
}

std::string why_not_native(int error) {
  switch (error) {
    case EOPNOTSUPP: return "its driver has no native XDP";
    case ERANGE: return "the MTU (on veth: the peer's) is too large for native XDP";
    case ENOSPC: return "it has too few receive queues for native XDP";
    default: return std::strerror(error);
  }
}

Error attach_error(const std::string& interface, unsigned index, int error) {
  if (error == EBUSY) {
    const auto other = attached(index);
    if (other && other->name != kProgramName) {
      return {ErrorCode::kInUse, "xdp: " + interface + " has another XDP program (" + other->name +
                                     ", id " + std::to_string(other->id) +
                                     "): remove it (ip link set " + interface +
                                     " xdp off), or use --io udp"};
    }
    return {ErrorCode::kInUse, "xdp: " + interface +
                                   " is used by another Homa process over xdp: one engine per "
                                   "interface (share it through homad, or use --io udp)"};
  }
  if (error == EPERM) {
    return {ErrorCode::kNotPermitted,
            "xdp: attaching to " + interface + " is not permitted: it needs CAP_NET_ADMIN"};
  }
  return {ErrorCode::kSystem, "xdp: attaching to " + interface + ": " + why_not_native(error)};
}

}  // namespace

Result<std::unique_ptr<XdpProgram>, Error> XdpProgram::attach(const std::string& interface,
                                                              const Address& local, XdpMode mode,
                                                              std::span<const int> sockets) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return system_failure("xdp: interface \"" + interface + "\"", errno);
  auto object = load(local);
  if (!object) return Unexpected<Error>(object.error());
  const int queues = bpf_object__find_map_fd_by_name(object->get(), "homa_queues");
  const bpf_program* program = bpf_object__find_program_by_name(object->get(), kProgramName);
  if (queues < 0 || program == nullptr || sockets.size() > HOMA_XDP_QUEUES_MAX) {
    return failure(ErrorCode::kInvalidArgument,
                   "xdp: at most " + std::to_string(HOMA_XDP_QUEUES_MAX) + " queues");
  }
  for (std::uint32_t queue = 0; queue < sockets.size(); ++queue) {
    if (bpf_map_update_elem(queues, &queue, &sockets[queue], BPF_ANY) != 0) {
      return system_failure("xdp: steering to the socket of queue " + std::to_string(queue), errno);
    }
  }
  std::unique_ptr<XdpProgram> result(new XdpProgram);
  const int fd = bpf_program__fd(program);
  int status = mode == XdpMode::kGeneric ? -EOPNOTSUPP : link(fd, index, XDP_FLAGS_DRV_MODE);
  result->native_ = status >= 0;
  const bool try_generic =
      mode == XdpMode::kGeneric || (mode == XdpMode::kAuto && status != -EBUSY && status != -EPERM);
  if (status < 0 && try_generic) {
    if (mode == XdpMode::kAuto) result->reason_ = why_not_native(-status);
    status = link(fd, index, XDP_FLAGS_SKB_MODE);
  }
  if (status < 0) return Unexpected<Error>(attach_error(interface, index, -status));
  result->link_ = base::Descriptor(status);
  return result;
}

}  // namespace homa::io
