// Zeroed memory that costs nothing until it is written: private, or a memfd that two processes map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::base {

class Mapping {
 public:
  // Private memory. kNoMemory.
  static Result<Mapping, Error> create(std::uint64_t bytes);
  // A memfd whose size is sealed: nobody can make a process that maps it fault by truncating it.
  // kNoMemory, kSystem.
  static Result<Mapping, Error> create_shared(std::uint64_t bytes);
  // The same, with all pages there: they are charged to this process, whoever writes them first.
  static Result<Mapping, Error> create_populated(std::uint64_t bytes);
  // Maps a memfd that another process made, and owns `descriptor` from now on, also after a
  // failure. kInvalidArgument: it is no ordinary memory (of huge pages there may be none left at
  // the first access), its size is not sealed, is 0 or is more than `bytes_max`.
  static Result<Mapping, Error> open(int descriptor, std::uint64_t bytes_max);
  // The same for one that is only read: its owner need not let us write.
  static Result<Mapping, Error> open_to_read(int descriptor, std::uint64_t bytes_max);

  // Maps a file that is open for reading and writing and has that many bytes. The descriptor stays
  // the caller's, and may be closed. kNoMemory.
  static Result<Mapping, Error> of_file(int descriptor, std::uint64_t bytes);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::span<std::byte> bytes() const { return bytes_; }
  // Gives the whole pages among these bytes back to the system: they cost nothing and read as zero
  // until they are written again. If the system refuses (locked memory), nothing happens.
  void discard(std::uint64_t offset, std::uint64_t bytes) const;
  // The memfd, to be passed to another process; -1: the memory is private.
  int descriptor() const { return descriptor_; }
  // The memory stays; nobody can be given it any more.
  void close_descriptor();
  // Whether every page of the memfd is there.
  bool populated() const;
  // From now on the memfd can be mapped for writing by nobody else. kSystem.
  Result<void, Error> forbid_others_to_write();

 private:
  Result<void, Error> map(std::uint64_t bytes, int flags, int protection);
  static Result<Mapping, Error> make_shared_memory(std::uint64_t bytes, bool populate);
  static Result<Mapping, Error> open_as(int descriptor, std::uint64_t bytes_max, int protection);

  std::span<std::byte> bytes_;
  int descriptor_ = -1;
  bool shared_ = false;  // a memfd, perhaps without its descriptor
};

}  // namespace homa::base
