// Result<T, E>: a value or the reason why there is none. Member names are those of std::expected
// (C++23), so that it can take this one's place when both compilers have it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

namespace homa {

template <typename E>
class Unexpected {
 public:
  explicit constexpr Unexpected(E error) : error_(std::move(error)) {}
  constexpr const E& error() const& { return error_; }
  constexpr E&& error() && { return std::move(error_); }

 private:
  E error_;
};

namespace detail {
// What an error says for itself: its text, where it has one.
template <typename E>
const char* words_of(const E& error) {
  if constexpr (requires { error.text.c_str(); }) return error.text.c_str();
  return "an error";
}
[[noreturn]] inline void stop_for_no_value(const char* error) {
  std::fprintf(stderr, "homa: the value of a Result was used, which holds an error: %s\n", error);
  std::abort();
}
[[noreturn]] inline void stop_for_no_error() {
  std::fputs("homa: the error of a Result was used, which holds a value\n", stderr);
  std::abort();
}
}  // namespace detail

// value() and operator* on an error, and error() on a value, are bugs of the caller: they write
// what was wrong to stderr, the error's text included, and abort().
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  constexpr Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  constexpr Result(Unexpected<E> failure)                                          // NOLINT
      : state_(std::in_place_index<1>, std::move(failure).error()) {}

  constexpr bool has_value() const { return state_.index() == 0; }
  constexpr explicit operator bool() const { return has_value(); }

  constexpr T& value() & { return *pointer(); }
  constexpr const T& value() const& { return *pointer(); }
  constexpr T&& value() && { return std::move(*pointer()); }
  constexpr T& operator*() & { return *pointer(); }
  constexpr const T& operator*() const& { return *pointer(); }
  constexpr T&& operator*() && { return std::move(*pointer()); }
  constexpr T* operator->() { return pointer(); }
  constexpr const T* operator->() const { return pointer(); }
  constexpr T value_or(T other) const { return has_value() ? *pointer() : std::move(other); }

  constexpr const E& error() const {
    if (has_value()) detail::stop_for_no_error();
    return *std::get_if<1>(&state_);
  }

 private:
  constexpr T* pointer() {
    if (!has_value()) detail::stop_for_no_value(detail::words_of(*std::get_if<1>(&state_)));
    return std::get_if<0>(&state_);
  }
  constexpr const T* pointer() const {
    if (!has_value()) detail::stop_for_no_value(detail::words_of(*std::get_if<1>(&state_)));
    return std::get_if<0>(&state_);
  }

  std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  constexpr Result() = default;
  constexpr Result(Unexpected<E> failure)  // NOLINT
      : state_(std::in_place_index<1>, std::move(failure).error()) {}

  constexpr bool has_value() const { return state_.index() == 0; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr void value() const {
    if (!has_value()) detail::stop_for_no_value(detail::words_of(*std::get_if<1>(&state_)));
  }
  constexpr const E& error() const {
    if (has_value()) detail::stop_for_no_error();
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<std::monostate, E> state_;
};

}  // namespace homa
