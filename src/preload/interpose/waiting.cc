// Calls that wait for descriptors. A Homa socket's descriptor is a real one, so the kernel does the
// waiting. But it is kept up to date only once somebody waits for it.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "preload/interpose/calls.h"
#include "preload/interpose/real.h"

namespace homa::preload {
namespace {

constinit Real<int(pollfd*, nfds_t, int)> real_poll("poll");
constinit Real<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> real_ppoll("ppoll");
constinit Real<decltype(::select)> real_select("select");
constinit Real<decltype(::pselect)> real_pselect("pselect");
constinit Real<decltype(::epoll_ctl)> real_epoll_ctl("epoll_ctl");
constinit Real<int(pollfd*, nfds_t, int, size_t)> real_poll_chk("__poll_chk");
constinit Real<int(pollfd*, nfds_t, const timespec*, const sigset_t*, size_t)> real_ppoll_chk(
    "__ppoll_chk");

void expect_poll(int fd) {
  if (const auto socket = find_to_use(fd)) socket->expect_poll();
}

void expect_polls(const pollfd* descriptors, nfds_t count) {
  if (Process::get().table().empty() || descriptors == nullptr) return;
  for (nfds_t i = 0; i < count; ++i) expect_poll(descriptors[i].fd);
}

void expect_selects(int count, const fd_set* readable, const fd_set* writable) {
  if (Process::get().table().empty()) return;
  for (int fd = 0; fd < count && fd < FD_SETSIZE; ++fd) {
    if ((readable != nullptr && FD_ISSET(fd, readable)) ||
        (writable != nullptr && FD_ISSET(fd, writable))) {
      expect_poll(fd);
    }
  }
}

}  // namespace
}  // namespace homa::preload

using namespace homa::preload;

extern "C" {

int poll(pollfd* descriptors, nfds_t count, int timeout) {
  expect_polls(descriptors, count);
  return real_poll(descriptors, count, timeout);
}

int __poll_chk(pollfd* descriptors, nfds_t count, int timeout, size_t room) {
  expect_polls(descriptors, count);
  return real_poll_chk(descriptors, count, timeout, room);
}

int ppoll(pollfd* descriptors, nfds_t count, const timespec* timeout, const sigset_t* signals) {
  expect_polls(descriptors, count);
  return real_ppoll(descriptors, count, timeout, signals);
}

int __ppoll_chk(pollfd* descriptors, nfds_t count, const timespec* timeout, const sigset_t* signals,
                size_t room) {
  expect_polls(descriptors, count);
  return real_ppoll_chk(descriptors, count, timeout, signals, room);
}

int select(int count, fd_set* readable, fd_set* writable, fd_set* special, timeval* timeout) {
  expect_selects(count, readable, writable);
  return real_select(count, readable, writable, special, timeout);
}

int pselect(int count, fd_set* readable, fd_set* writable, fd_set* special, const timespec* timeout,
            const sigset_t* signals) {
  expect_selects(count, readable, writable);
  return real_pselect(count, readable, writable, special, timeout, signals);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  if (operation != EPOLL_CTL_DEL) expect_poll(fd);
  return real_epoll_ctl(epoll, operation, fd, event);
}
}
