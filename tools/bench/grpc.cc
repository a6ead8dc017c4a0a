// RPCs over gRPC: unary calls of plain bytes by completion queues, which is its fastest form in
// C++, and no protobuf, so that what is measured is the transport. One channel per pair of hosts,
// as everybody has, or several with connections of their own.
#include <fmt/format.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tools/bench/transport.h"

namespace homa::tools {
namespace {

constexpr const char* kMethod = "/homa.bench/Echo";
constexpr int kEventsPerVisit = 64;

// In front of every request; both ends are the same program.
struct Frame {
  std::uint64_t rpc = 0;
  std::uint32_t response_bytes = 0;
};

// Points to the pattern's memory, which lives as long as the transport.
grpc::Slice slice_of(std::span<const std::byte> bytes) {
  return {bytes.data(), bytes.size(), grpc::Slice::STATIC_SLICE};
}

// What the queue gives back. It deletes itself when it is done.
class Event {
 public:
  virtual ~Event() = default;
  virtual void proceed(bool good, BenchTransport::Listener* listener) = 0;
};

bool is_intact(const BenchPattern& pattern, std::uint8_t tag, std::span<const grpc::Slice> slices,
               std::size_t skipped) {
  std::size_t offset = 0;
  for (const grpc::Slice& slice : slices) {
    std::span<const std::byte> part(reinterpret_cast<const std::byte*>(slice.begin()),
                                    slice.size());
    const std::size_t skip = std::min(skipped, part.size());
    skipped -= skip;
    part = part.subspan(skip);
    if (!pattern.matches(tag, offset, part)) return false;
    offset += part.size();
  }
  return true;
}

// The frame in front of the request; nullopt: it is too short.
std::optional<Frame> frame_of(std::span<const grpc::Slice> slices) {
  Frame frame;
  auto* const to = reinterpret_cast<std::byte*>(&frame);
  std::size_t got = 0;
  for (const grpc::Slice& slice : slices) {
    const std::size_t part = std::min(sizeof frame - got, slice.size());
    std::memcpy(to + got, slice.begin(), part);
    got += part;
  }
  return got == sizeof frame ? std::optional(frame) : std::nullopt;
}

// One call at the server: waits for a request, answers it, and makes room for the next one.
class ServerCall final : public Event {
 public:
  struct Server {
    grpc::AsyncGenericService service;
    grpc::ServerCompletionQueue* queue = nullptr;
    const BenchPattern* pattern = nullptr;
    std::uint64_t* corrupt_requests = nullptr;
  };

  explicit ServerCall(Server& server) : server_(server), stream_(&context_) {
    server_.service.RequestCall(&context_, &stream_, server_.queue, server_.queue, this);
  }

  void proceed(bool good, BenchTransport::Listener*) override {
    if (!good || step_ == Step::kAnswering) {
      delete this;
    } else if (step_ == Step::kWaiting) {
      new ServerCall(server_);
      step_ = Step::kReading;
      stream_.Read(&request_, this);
    } else {
      step_ = Step::kAnswering;
      answer();
    }
  }

 private:
  enum class Step { kWaiting, kReading, kAnswering };

  void answer() {
    std::vector<grpc::Slice> slices;
    const bool readable = request_.Dump(&slices).ok();
    const auto frame = readable ? frame_of(slices) : std::nullopt;
    if (!frame || frame->response_bytes > server_.pattern->message_bytes_max()) {
      ++*server_.corrupt_requests;
      return stream_.Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no frame"), this);
    }
    const std::uint8_t tag = BenchPattern::request_tag(frame->rpc);
    if (!is_intact(*server_.pattern, tag, slices, sizeof(Frame))) ++*server_.corrupt_requests;
    const grpc::Slice body =
        slice_of(server_.pattern->message(BenchPattern::response_tag(tag), frame->response_bytes));
    stream_.WriteAndFinish(grpc::ByteBuffer(&body, 1), grpc::WriteOptions(), grpc::Status::OK,
                           this);
  }

  Server& server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  Step step_ = Step::kWaiting;
};

class ClientCall final : public Event {
 public:
  ClientCall(const BenchPattern& pattern, std::uint64_t rpc, std::uint64_t bytes,
             std::uint64_t& backlog)
      : pattern_(pattern), rpc_(rpc), bytes_(bytes), backlog_(backlog) {
    backlog_ += bytes_;
  }

  void start(grpc::GenericStub& stub, grpc::CompletionQueue& queue,
             const grpc::ByteBuffer& request) {
    reader_ = stub.PrepareUnaryCall(&context_, kMethod, request, &queue);
    reader_->StartCall();
    reader_->Finish(&response_, &status_, this);
  }

  void proceed(bool, BenchTransport::Listener* listener) override {
    backlog_ -= bytes_;
    std::vector<grpc::Slice> slices;
    RpcEnd end = RpcEnd::kFailed;
    if (status_.ok()) {
      const std::uint8_t tag = BenchPattern::response_tag(BenchPattern::request_tag(rpc_));
      const bool intact = response_.Dump(&slices).ok() && is_intact(pattern_, tag, slices, 0);
      end = intact ? RpcEnd::kComplete : RpcEnd::kCorrupt;
    }
    if (listener != nullptr) listener->on_end(rpc_, end);
    delete this;
  }

 private:
  const BenchPattern& pattern_;
  std::uint64_t rpc_;
  std::uint64_t bytes_;  // of request and response
  std::uint64_t& backlog_;
  grpc::ClientContext context_;
  grpc::ByteBuffer response_;
  grpc::Status status_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
};

struct Channel {
  std::unique_ptr<grpc::GenericStub> stub;
  std::uint64_t backlog = 0;  // bytes of requests and responses not yet done
};

class GrpcTransport final : public BenchTransport {
 public:
  GrpcTransport(const BenchSetup& setup, std::size_t self, int connections,
                const BenchPattern& pattern)
      : setup_(setup),
        self_(self),
        connections_(connections),
        pattern_(pattern),
        channels_(setup.hosts.size()) {}

  ~GrpcTransport() override {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    if (!queue_) return;
    queue_->Shutdown();
    void* tag = nullptr;
    for (bool good = false; queue_->Next(&tag, &good);) {
      static_cast<Event*>(tag)->proceed(false, nullptr);
    }
  }

  Result<void, Error> listen() {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.AddListeningPort(endpoint(self_), grpc::InsecureServerCredentials());
    builder.RegisterAsyncGenericService(&service_.service);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (!server_) return Unexpected(Error{ErrorCode::kSystem, "gRPC at " + endpoint(self_)});
    service_.queue = queue_.get();
    service_.pattern = &pattern_;
    service_.corrupt_requests = &corrupt_requests_;
    new ServerCall(service_);
    return {};
  }

  Result<void, Error> connect() override {
    for (std::size_t peer = 0; peer < setup_.hosts.size(); ++peer) {
      channels_[peer].resize(peer == self_ ? 0 : static_cast<std::size_t>(connections_));
      for (Channel& channel : channels_[peer]) {
        grpc::ChannelArguments arguments;
        arguments.SetMaxReceiveMessageSize(-1);
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
        channel.stub = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
            endpoint(peer), grpc::InsecureChannelCredentials(), arguments));
      }
    }
    return {};
  }

  void start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
             std::uint32_t response_bytes) override {
    Channel& least =
        *std::min_element(channels_[peer].begin(), channels_[peer].end(),
                          [](const Channel& a, const Channel& b) { return a.backlog < b.backlog; });
    const Frame frame{rpc, response_bytes};
    const std::array<grpc::Slice, 2> slices = {
        grpc::Slice(&frame, sizeof frame),
        slice_of(pattern_.message(BenchPattern::request_tag(rpc), request_bytes))};
    auto* const call =
        new ClientCall(pattern_, rpc, std::uint64_t{request_bytes} + response_bytes, least.backlog);
    call->start(*least.stub, *queue_, grpc::ByteBuffer(slices.data(), slices.size()));
  }

  void serve_until(Nanoseconds until, Listener& listener) override {
    Nanoseconds left = std::max(until - bench_now(), Nanoseconds::zero());
    for (int i = 0; i < kEventsPerVisit; ++i) {
      const auto deadline = std::chrono::system_clock::now() +
                            std::chrono::duration_cast<std::chrono::system_clock::duration>(left);
      void* tag = nullptr;
      bool good = false;
      if (queue_->AsyncNext(&tag, &good, deadline) != grpc::CompletionQueue::GOT_EVENT) return;
      static_cast<Event*>(tag)->proceed(good, &listener);
      left = Nanoseconds::zero();  // having served, the caller may have something to do
    }
  }

  std::uint64_t retransmissions() const override { return 0; }  // gRPC does not tell
  std::string description() const override {
    return fmt::format("gRPC {}, {} channel(s) per pair, completion queues", grpc::Version(),
                       connections_);
  }

 private:
  std::string endpoint(std::size_t host) const {
    return fmt::format("{}:{}", setup_.hosts[host].address, setup_.tcp_port);
  }

  const BenchSetup& setup_;
  std::size_t self_;
  int connections_;
  const BenchPattern& pattern_;
  ServerCall::Server service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;  // of the server's calls and the client's
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::vector<Channel>> channels_;  // by peer
};

}  // namespace

bool has_grpc() { return true; }

Result<std::unique_ptr<BenchTransport>, Error> make_grpc_transport(const BenchSetup& setup,
                                                                   std::size_t self,
                                                                   const BenchProtocol& protocol,
                                                                   const BenchPattern& pattern) {
  if (setup.server_threads > 0) {
    return Unexpected(Error{ErrorCode::kInvalidArgument,
                            "gRPC answers in the load generator's thread: no --service-time"});
  }
  auto transport = std::make_unique<GrpcTransport>(setup, self, protocol.connections, pattern);
  if (const auto listening = transport->listen(); !listening) {
    return Unexpected(listening.error());
  }
  return std::unique_ptr<BenchTransport>(std::move(transport));
}

}  // namespace homa::tools
