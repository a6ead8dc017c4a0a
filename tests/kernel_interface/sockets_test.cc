// Opening, names, options and the ends of sockets.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

class Sockets : public Interface {};
INSTANTIATE_TEST_SUITE_P(Families, Sockets, both_families(), family_name);

TEST_P(Sockets, AClientsPortIsThereFromTheBeginning) {
  HomaSocket other(GetParam());
  EXPECT_GE(client_.port(), HOMA_MIN_DEFAULT_PORT);
  EXPECT_GE(other.port(), HOMA_MIN_DEFAULT_PORT);
  EXPECT_NE(client_.port(), other.port());
}

TEST_P(Sockets, FlagsOfSocketAreHeeded) {
  HomaSocket socket(GetParam(), SOCK_NONBLOCK | SOCK_CLOEXEC);
  EXPECT_EQ(::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(::fcntl(client_.fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(::fcntl(client_.fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(Sockets, BindMakesAServer) {
  EXPECT_EQ(server_.port(), kPort);
  EXPECT_EQ(server_.bind(kPort), kOk) << "it is bound there already";
  HomaSocket other(GetParam());
  const std::uint16_t before = other.port();
  EXPECT_EQ(other.bind(0), kOk);
  EXPECT_EQ(other.port(), before) << "port 0 changes nothing";
  EXPECT_EQ(other.bind(kPort), failed(EADDRINUSE));
  EXPECT_EQ(other.bind(HOMA_MIN_DEFAULT_PORT), failed(EINVAL));
  EXPECT_EQ(other.bind(0xffff), failed(EINVAL));
  EXPECT_EQ(other.bind(HOMA_MIN_DEFAULT_PORT - 1), kOk);
  EXPECT_EQ(other.port(), HOMA_MIN_DEFAULT_PORT - 1);
}

TEST_P(Sockets, BindTakesAddressesOfTheSocketsFamily) {
  HomaSocket socket(GetParam());
  Place wrong = Place::of(GetParam() == AF_INET ? AF_INET6 : AF_INET, 4001);
  EXPECT_EQ(Outcome::of(::bind(socket.fd(), wrong.get(), wrong.length)), failed(EAFNOSUPPORT));
  Place cut = Place::of(GetParam(), 4001);
  EXPECT_EQ(Outcome::of(::bind(socket.fd(), cut.get(), cut.length - 1)), failed(EINVAL));
}

TEST_P(Sockets, APortIsFreeAgainWhenItsSocketIsClosed) {
  HomaSocket first(GetParam());
  ASSERT_EQ(first.bind(4001), kOk);
  EXPECT_EQ(first.close(), kOk);
  HomaSocket second(GetParam());
  EXPECT_EQ(second.bind(4001), kOk);
}

TEST_P(Sockets, ReceiveMemoryIsGivenOnce) {
  homa_rcvbuf_args seen{};
  socklen_t length = sizeof(seen);
  EXPECT_EQ(::getsockopt(client_.fd(), IPPROTO_HOMA, SO_HOMA_RCVBUF, &seen, &length), 0);
  EXPECT_EQ(seen.start, reinterpret_cast<std::uint64_t>(client_.memory()));
  EXPECT_EQ(seen.length, HomaSocket::kMemory);
  EXPECT_EQ(length, sizeof(seen));
  EXPECT_EQ(Outcome::of(::setsockopt(client_.fd(), IPPROTO_HOMA, SO_HOMA_RCVBUF, &seen, length)),
            failed(EINVAL));
}

TEST_P(Sockets, WrongReceiveMemoryIsRefused) {
  HomaSocket socket(GetParam());
  const auto set = [&](std::uint64_t start, std::uint64_t bytes, socklen_t length) {
    const homa_rcvbuf_args args{start, bytes};
    return Outcome::of(::setsockopt(socket.fd(), IPPROTO_HOMA, SO_HOMA_RCVBUF, &args, length));
  };
  const auto start = reinterpret_cast<std::uint64_t>(client_.memory());
  constexpr socklen_t kSize = sizeof(homa_rcvbuf_args);
  EXPECT_EQ(set(start, HomaSocket::kMemory, kSize - 1), failed(EINVAL));
  EXPECT_EQ(set(start + 8, HomaSocket::kMemory - 4096, kSize), failed(EINVAL));
  EXPECT_EQ(set(start, 1000, kSize), failed(EINVAL));
  EXPECT_EQ(set(start, 30 * HOMA_BPAGE_SIZE, kSize), failed(EINVAL)) << "less than two messages";
  EXPECT_EQ(set(start, (std::uint64_t{1} << 32) + HOMA_BPAGE_SIZE, kSize), failed(EINVAL));
  EXPECT_EQ(set(0, HomaSocket::kMemory, kSize), failed(EFAULT));
}

TEST_P(Sockets, WhoTakesRequestsIsAnOption) {
  const auto get = [](const HomaSocket& socket) {
    int on = -1;
    socklen_t length = sizeof(on);
    EXPECT_EQ(::getsockopt(socket.fd(), IPPROTO_HOMA, SO_HOMA_SERVER, &on, &length), 0);
    return on;
  };
  EXPECT_EQ(get(client_), 0);
  EXPECT_EQ(get(server_), 1);
  const int off = 0;
  EXPECT_EQ(::setsockopt(server_.fd(), IPPROTO_HOMA, SO_HOMA_SERVER, &off, sizeof(off)), 0);
  EXPECT_EQ(get(server_), 0);
  EXPECT_EQ(Outcome::of(::setsockopt(server_.fd(), IPPROTO_HOMA, SO_HOMA_SERVER, &off, 1)),
            failed(EINVAL));
}

TEST_P(Sockets, UnknownOptionsAreRefused) {
  int value = 0;
  socklen_t length = sizeof(value);
  EXPECT_EQ(Outcome::of(::setsockopt(client_.fd(), IPPROTO_HOMA, 99, &value, length)),
            failed(ENOPROTOOPT));
  EXPECT_EQ(Outcome::of(::getsockopt(client_.fd(), IPPROTO_HOMA, 99, &value, &length)),
            failed(ENOPROTOOPT));
  EXPECT_EQ(Outcome::of(::setsockopt(client_.fd(), IPPROTO_TCP, 1, &value, length)),
            failed(ENOPROTOOPT));
  EXPECT_EQ(::getsockopt(client_.fd(), SOL_SOCKET, SO_TYPE, &value, &length), 0);
  EXPECT_EQ(value, SOCK_DGRAM);
  EXPECT_EQ(::getsockopt(client_.fd(), SOL_SOCKET, SO_PROTOCOL, &value, &length), 0);
  EXPECT_EQ(value, IPPROTO_HOMA);
  EXPECT_EQ(::getsockopt(client_.fd(), SOL_SOCKET, SO_DOMAIN, &value, &length), 0);
  EXPECT_EQ(value, GetParam());
}

TEST_P(Sockets, ConnectIsAllowedAndSendsStillNeedADestination) {
  Place server = server_place();
  EXPECT_EQ(::connect(client_.fd(), server.get(), server.length), 0) << std::strerror(errno);
  homa_sendmsg_args args{};
  msghdr message{};
  char byte = 'x';
  iovec extent{&byte, 1};
  message.msg_iov = &extent;
  message.msg_iovlen = 1;
  message.msg_control = &args;
  EXPECT_EQ(Outcome::of(::sendmsg(client_.fd(), &message, 0)), failed(EINVAL));
}

TEST_P(Sockets, CallsThatMoveBareBytesFail) {
  char byte = 'x';
  for (const long result :
       {::read(client_.fd(), &byte, 1), ::write(client_.fd(), &byte, 1),
        ::send(client_.fd(), &byte, 1, 0), ::recv(client_.fd(), &byte, 1, MSG_DONTWAIT)}) {
    EXPECT_EQ(result, -1);
    EXPECT_TRUE(errno == EINVAL || errno == ENOTCONN) << std::strerror(errno);
  }
  Place server = server_place();
  EXPECT_EQ(::sendto(client_.fd(), &byte, 1, 0, server.get(), server.length), -1);
  EXPECT_EQ(::recvfrom(client_.fd(), &byte, 1, MSG_DONTWAIT, nullptr, nullptr), -1);
  iovec extent{&byte, 1};
  EXPECT_EQ(::readv(client_.fd(), &extent, 1), -1);
  EXPECT_EQ(::writev(client_.fd(), &extent, 1), -1);
  EXPECT_EQ(::preadv2(client_.fd(), &extent, 1, -1, 0), -1);
  EXPECT_EQ(::pwritev2(client_.fd(), &extent, 1, -1, 0), -1);
  const int zero = ::open("/dev/zero", O_RDONLY);
  EXPECT_EQ(::sendfile(client_.fd(), zero, nullptr, 1), -1);
  ::close(zero);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(::write(ends[1], &byte, 1), 1);
  EXPECT_EQ(::splice(ends[0], nullptr, client_.fd(), nullptr, 1, 0), -1);
  EXPECT_EQ(::splice(client_.fd(), nullptr, ends[1], nullptr, 1, SPLICE_F_NONBLOCK), -1);
  for (const int end : ends) ::close(end);
}

TEST_P(Sockets, NobodyListensOrAccepts) {
  EXPECT_EQ(Outcome::of(::listen(server_.fd(), 5)), failed(EOPNOTSUPP));
  EXPECT_EQ(Outcome::of(::accept(server_.fd(), nullptr, nullptr)), failed(EOPNOTSUPP));
  Place peer;
  peer.length = sizeof(peer.storage);
  EXPECT_EQ(Outcome::of(::getpeername(client_.fd(), peer.get(), &peer.length)), failed(ENOTCONN));
}

// Over the kernel's module they can be passed on; over a library the call may refuse it. It never
// passes on something that is no Homa socket.
TEST_P(Sockets, PassingADescriptorOnWorksOrFailsAtOnce) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  char byte = 'x';
  iovec extent{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &extent;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  const int passed = client_.fd();
  std::memcpy(CMSG_DATA(part), &passed, sizeof(passed));
  const Outcome sent = Outcome::of(::sendmsg(pair[0], &message, 0));
  EXPECT_TRUE(sent == (Outcome{1, 0}) || sent == failed(EOPNOTSUPP));
  std::memcpy(CMSG_DATA(part), &pair[0], sizeof(pair[0]));
  EXPECT_EQ(Outcome::of(::sendmsg(pair[0], &message, 0)), (Outcome{1, 0})) << "any other may go";
  for (const int end : pair) ::close(end);
}

TEST_P(Sockets, RangesOfDescriptorsAreClosed) {
  HomaSocket first(GetParam()), second(GetParam());
  ASSERT_EQ(first.bind(4001), kOk);
  const int high = ::fcntl(second.fd(), F_DUPFD, 500);
  ASSERT_GE(high, 500);
  const int highest = ::fcntl(first.fd(), F_DUPFD, 600);
  ASSERT_EQ(first.close(), kOk);
  ASSERT_EQ(::close_range(500, 599, 0), 0);
  EXPECT_EQ(Outcome::of(::shutdown(high, SHUT_RDWR)), failed(EBADF));
  HomaSocket other(GetParam());
  EXPECT_EQ(other.bind(4001), failed(EADDRINUSE)) << "the first socket has one more descriptor";
  ASSERT_EQ(::close_range(static_cast<unsigned>(highest), 699, CLOSE_RANGE_CLOEXEC), 0);
  EXPECT_EQ(::fcntl(highest, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC) << "it is open still";
  ::closefrom(highest);
  EXPECT_EQ(other.bind(4001), kOk);
  EXPECT_GE(second.port(), HOMA_MIN_DEFAULT_PORT) << "below the ranges nothing was closed";
}

// A program that unmaps the memory first, and closes the socket then.
TEST_P(Sockets, ReceiveMemoryMayGoBeforeTheSocket) {
  HomaSocket server(GetParam());
  ASSERT_EQ(server.bind(4001), kOk);
  void* const memory = ::mmap(nullptr, HomaSocket::kMemory, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const homa_rcvbuf_args args{reinterpret_cast<std::uint64_t>(memory), HomaSocket::kMemory};
  ASSERT_EQ(::setsockopt(server.fd(), IPPROTO_HOMA, SO_HOMA_RCVBUF, &args, sizeof(args)), 0);
  client_.request(4001, std::string(900'000, 'x'));
  EXPECT_EQ(::munmap(memory, HomaSocket::kMemory), 0);
  client_.request(4001, std::string(900'000, 'x'));
  ::usleep(20'000);
  EXPECT_EQ(server.close(), kOk);
}

TEST_P(Sockets, ShutdownEndsEveryCallAndWakesThreads) {
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] { EXPECT_EQ(client_.receive_keeping().outcome, failed(ESHUTDOWN)); });
  }
  ::usleep(50'000);
  EXPECT_EQ(::shutdown(client_.fd(), SHUT_RDWR), 0);
  for (std::thread& waiter : waiters) waiter.join();
  homa_sendmsg_args args{};
  EXPECT_EQ(client_.send(server_place(), "x", args), failed(ESHUTDOWN));
  EXPECT_EQ(client_.receive().outcome, failed(ESHUTDOWN));
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(ESHUTDOWN));
  EXPECT_EQ(client_.bind(4001), failed(ESHUTDOWN));
}

TEST_P(Sockets, DuplicatesShareTheSocket) {
  const int twin = ::dup(client_.fd());
  const int second = ::fcntl(client_.fd(), F_DUPFD_CLOEXEC, 100);
  ASSERT_GE(twin, 0);
  ASSERT_GE(second, 100);
  EXPECT_EQ(::dup2(twin, second), second);
  const std::uint64_t id = client_.request(kPort, "shared");
  const int original = client_.fd();
  ASSERT_EQ(client_.close(), kOk);
  const auto request = server_.receive();
  EXPECT_EQ(server_.respond(request, "answer"), kOk);
  homa_recvmsg_args args{};
  msghdr message{};
  message.msg_control = &args;
  message.msg_controllen = sizeof(args);
  EXPECT_EQ(::recvmsg(second, &message, 0), 6);
  EXPECT_EQ(args.id, id);
  EXPECT_EQ(::close(twin), 0);
  EXPECT_EQ(::close(second), 0);
  EXPECT_EQ(Outcome::of(::recvmsg(original, &message, 0)), failed(EBADF));
}

TEST_P(Sockets, ANumberThatIsUsedAgainIsNoHomaSocket) {
  const int number = client_.fd();
  ASSERT_EQ(client_.close(), kOk);
  const int zero = ::open("/dev/zero", O_RDONLY);
  ASSERT_EQ(::dup2(zero, number), number);
  char byte = 'x';
  EXPECT_EQ(::read(number, &byte, 1), 1);
  EXPECT_EQ(byte, 0);
  if (zero != number) ::close(zero);
  EXPECT_EQ(::close(number), 0);
}

TEST(Protocol, OnlyDatagramsOfIPAreHoma) {
  EXPECT_EQ(Outcome::of(::socket(AF_INET, SOCK_STREAM, IPPROTO_HOMA)).result, -1);
  EXPECT_EQ(Outcome::of(::socket(AF_UNIX, SOCK_DGRAM, IPPROTO_HOMA)).result, -1);
}

}  // namespace
}  // namespace homa::testing
