// gRPC: unary calls of plain bytes over one channel, by completion queues on both sides, which is
// its fastest form in C++. No protobuf: what is measured is the transport.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <vector>

#include "net_transport.h"

namespace homa::bench {
namespace {

constexpr std::chrono::milliseconds kPatience{100};
constexpr const char* kMethod = "/homa.bench/Echo";

std::string endpoint() { return host_address(kServerHost) + ":" + std::to_string(kBenchPort); }

grpc::ByteBuffer buffer_of(std::uint32_t bytes) {
  const grpc::Slice slice(std::string(bytes, 'g'));
  return grpc::ByteBuffer(&slice, 1);
}

std::chrono::system_clock::time_point soon() {
  return std::chrono::system_clock::now() + kPatience;
}

// One call at the server: waits for a request, reads it, answers it, and makes room for the next.
class ServerCall {
 public:
  ServerCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue,
             const grpc::ByteBuffer& response)
      : service_(service), queue_(queue), response_(response), stream_(&context_) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }

  void proceed(bool good) {
    if (!good || step_ == Step::kAnswering) {
      delete this;
      return;
    }
    if (step_ == Step::kWaiting) {
      new ServerCall(service_, queue_, response_);
      step_ = Step::kReading;
      stream_.Read(&request_, this);
      return;
    }
    step_ = Step::kAnswering;
    stream_.WriteAndFinish(response_, grpc::WriteOptions(), grpc::Status::OK, this);
  }

 private:
  enum class Step { kWaiting, kReading, kAnswering };
  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  const grpc::ByteBuffer& response_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  Step step_ = Step::kWaiting;
};

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(const NetCase& what) : response_(buffer_of(what.response)) {}
  ~GrpcServer() override {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    if (!queue_) return;
    queue_->Shutdown();
    void* tag = nullptr;
    for (bool good = false; queue_->Next(&tag, &good);)
      static_cast<ServerCall*>(tag)->proceed(false);
  }
  bool open() {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.AddListeningPort(endpoint(), grpc::InsecureServerCredentials());
    builder.RegisterAsyncGenericService(&service_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }
  void serve(const std::atomic<bool>& stop) override {
    new ServerCall(service_, *queue_, response_);  // deletes itself
    while (!stop) {
      void* tag = nullptr;
      bool good = false;
      if (queue_->AsyncNext(&tag, &good, soon()) != grpc::CompletionQueue::GOT_EVENT) continue;
      static_cast<ServerCall*>(tag)->proceed(good);
    }
  }

 private:
  grpc::ByteBuffer response_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
};

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(const NetCase& what) : request_(buffer_of(what.request)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(endpoint(), grpc::InsecureChannelCredentials(), arguments));
  }
  ~GrpcClient() override {
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool good = false; queue_.Next(&tag, &good);) delete static_cast<Call*>(tag);
  }
  void start(std::uint32_t count) override {
    for (; count > 0; --count) {
      auto* call = new Call;
      call->reader = stub_->PrepareUnaryCall(&call->context, kMethod, request_, &queue_);
      call->reader->StartCall();
      call->reader->Finish(&call->response, &call->status, call);
    }
  }
  std::uint32_t poll() override {
    void* tag = nullptr;
    bool good = false;
    if (queue_.AsyncNext(&tag, &good, soon()) != grpc::CompletionQueue::GOT_EVENT) return 0;
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    return call->status.ok() ? 1 : 0;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    grpc::Status status;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  };
  grpc::ByteBuffer request_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

Result<std::unique_ptr<Server>, Error> make_grpc_server(const NetCase& what) {
  auto server = std::make_unique<GrpcServer>(what);
  if (!server->open()) return Unexpected(Error{ErrorCode::kSystem, "gRPC cannot listen"});
  return std::unique_ptr<Server>(std::move(server));
}

Result<std::unique_ptr<Client>, Error> make_grpc_client(const NetCase& what) {
  return std::unique_ptr<Client>(std::make_unique<GrpcClient>(what));
}

const Transport grpc_transport("grpc", make_grpc_server, make_grpc_client);

}  // namespace
}  // namespace homa::bench
