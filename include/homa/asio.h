// Homa in programs that use asio: an executor over an io_context, and operations that take any
// completion token (callbacks, use_future, use_awaitable, yield_context, ...).
//
// Boost.Asio, or standalone asio where HOMA_STANDALONE_ASIO is defined. Nothing of this is in
// libhoma: the program links its own asio.
#pragma once

#if defined(HOMA_STANDALONE_ASIO)
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#else
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#endif

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>

#include "homa/async.h"

namespace homa {

#if defined(HOMA_STANDALONE_ASIO)
namespace asio_library = ::asio;
using AsioError = std::error_code;
#else
namespace asio_library = ::boost::asio;
using AsioError = ::boost::system::error_code;
#endif

namespace detail {

// A descriptor that is watched; shared with the wait that is in progress.
struct AsioWatched {
  AsioWatched(asio_library::io_context& context, Executor::Work its_ready)
      : descriptor(context), ready(std::move(its_ready)) {}

  static void wait(const std::shared_ptr<AsioWatched>& watched) {
    watched->descriptor.async_wait(asio_library::posix::stream_descriptor::wait_read,
                                   [watched](const AsioError& error) {
                                     if (error || watched->ended) return;
                                     watched->ready();
                                     if (!watched->ended) wait(watched);
                                   });
  }

  asio_library::posix::stream_descriptor descriptor;
  Executor::Work ready;
  bool ended = false;
};

class AsioWatch : public Executor::Watch {
 public:
  explicit AsioWatch(std::shared_ptr<AsioWatched> watched) : watched_(std::move(watched)) {}
  ~AsioWatch() override {
    watched_->ended = true;
    watched_->descriptor.release();  // the descriptor is its owner's
  }

 private:
  std::shared_ptr<AsioWatched> watched_;
};

}  // namespace detail

// Completions run in the threads that run `context`: one at a time, or all through one strand.
class AsioExecutor : public Executor {
 public:
  explicit AsioExecutor(asio_library::io_context& context) : context_(context) {}

  asio_library::io_context& context() { return context_; }
  void post(Work work) override { asio_library::post(context_, std::move(work)); }

  Result<std::unique_ptr<Watch>, Error> watch(int descriptor, Work ready) override {
    auto watched = std::make_shared<detail::AsioWatched>(context_, std::move(ready));
    AsioError error;
    watched->descriptor.assign(descriptor, error);
    if (error) return Unexpected(Error{ErrorCode::kSystem, "asio: " + error.message()});
    detail::AsioWatched::wait(watched);
    return std::unique_ptr<Watch>(std::make_unique<detail::AsioWatch>(std::move(watched)));
  }

 private:
  asio_library::io_context& context_;
};

// async_call(socket, server, request, options, token): the token's handler gets
// Result<Message, Error>. `executor` is the one of `socket`. `request` is read before it returns.
template <typename CompletionToken>
auto async_call(AsyncSocket& socket, AsioExecutor& executor, const SocketAddress& server,
                std::span<const std::byte> request, const CallOptions& options,
                CompletionToken&& token);

// async_receive(socket, executor, token): the next request.
template <typename CompletionToken>
auto async_receive(AsyncSocket& socket, AsioExecutor& executor, CompletionToken&& token);

namespace detail {

// A completion for `handler`, which need not be copyable; called by its own executor.
template <typename Handler>
AsyncSocket::Completion complete_by(AsioExecutor& executor, Handler&& handler) {
  auto shared = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
  return [shared, &executor](Result<Message, Error> result) {
    auto its_executor =
        asio_library::get_associated_executor(*shared, executor.context().get_executor());
    auto message = std::make_shared<Result<Message, Error>>(std::move(result));
    asio_library::dispatch(its_executor, [shared, message] {
      auto call = std::move(*shared);
      std::move(call)(std::move(*message));
    });
  };
}

// Starts an operation; if it does not start, its error comes as a completion.
template <typename Start>
void start_or_fail(AsioExecutor& executor, AsyncSocket::Completion done, Start start) {
  if (auto started = start(done); !started) {
    executor.post([done = std::move(done), error = started.error()] { done(Unexpected(error)); });
  }
}

}  // namespace detail

template <typename CompletionToken>
auto async_call(AsyncSocket& socket, AsioExecutor& executor, const SocketAddress& server,
                std::span<const std::byte> request, const CallOptions& options,
                CompletionToken&& token) {
  return asio_library::async_initiate<CompletionToken, void(Result<Message, Error>)>(
      [&socket, &executor, server, request, options](auto&& handler) {
        detail::start_or_fail(
            executor, detail::complete_by(executor, std::forward<decltype(handler)>(handler)),
            [&](const AsyncSocket::Completion& done) {
              return socket.send(server, request, done, options);
            });
      },
      token);
}

template <typename CompletionToken>
auto async_receive(AsyncSocket& socket, AsioExecutor& executor, CompletionToken&& token) {
  return asio_library::async_initiate<CompletionToken, void(Result<Message, Error>)>(
      [&socket, &executor](auto&& handler) {
        detail::start_or_fail(
            executor, detail::complete_by(executor, std::forward<decltype(handler)>(handler)),
            [&](const AsyncSocket::Completion& done) { return socket.receive(done); });
      },
      token);
}

}  // namespace homa
