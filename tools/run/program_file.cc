#include "tools/run/program_file.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/failure.h"

namespace homa::tools {
namespace {

constexpr int kInterpretersMost = 4;  // scripts that name scripts, as in the kernel
constexpr std::size_t kProgramHeadersMost = 1'000;

template <typename T>
bool read_at(std::ifstream& file, std::uint64_t offset, T& value) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&value), sizeof(value)));
}

Unexpected<Error> refuse(const std::string& path, std::string_view why) {
  return failure(ErrorCode::kInvalidArgument, fmt::format("{} {}", path, why));
}

Result<void, Error> check_privileges(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_failure("cannot read " + path, errno);
  const bool changes_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != ::geteuid();
  const bool changes_group = (status.st_mode & S_ISGID) != 0 && status.st_gid != ::getegid();
  const bool gains =
      ::geteuid() != 0 && ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
  if (!changes_user && !changes_group && !gains) return {};
  return failure(ErrorCode::kNotPermitted,
                 path + (gains ? " has file capabilities" : " is set-uid or set-gid") +
                     ", and the loader puts no library of others in front of such a program; run " +
                     "a copy of it without that");
}

// The note of the Go compiler. Such programs make system calls themselves, also where they are
// linked with the C library.
bool is_go_note(std::ifstream& file, const Elf64_Phdr& part) {
  struct {
    Elf64_Nhdr head;
    char name[4];
  } note{};
  return part.p_type == PT_NOTE && read_at(file, part.p_offset, note) && note.head.n_namesz == 4 &&
         std::memcmp(note.name, "Go\0", sizeof(note.name)) == 0;
}

Result<void, Error> check_elf(std::ifstream& file, const std::string& path) {
  Elf64_Ehdr header{};
  if (!read_at(file, 0, header) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return refuse(path, "is not for this machine (64 bits, little-endian)");
  }
  bool has_loader = false;
  for (std::size_t i = 0; i < header.e_phnum && i < kProgramHeadersMost; ++i) {
    Elf64_Phdr part{};
    if (!read_at(file, header.e_phoff + i * header.e_phentsize, part)) break;
    has_loader = has_loader || part.p_type == PT_INTERP;
    if (is_go_note(file, part)) {
      return refuse(path,
                    "is a Go program, which makes its system calls without the C library, and "
                    "nothing can be put in front of them");
    }
  }
  if (has_loader) return {};
  return refuse(path,
                "is statically linked, and nothing can be put in front of its system calls; "
                "link it dynamically");
}

// "#!/usr/bin/env python3" names /usr/bin/env, which runs the rest.
std::string interpreter_of(const std::string& line) {
  const std::size_t from = line.find_first_not_of(" \t", 2);
  if (from == std::string::npos) return {};
  return line.substr(from, line.find_first_of(" \t", from) - from);
}

}  // namespace

Result<void, Error> can_preload(const std::string& path) {
  std::string name = path;
  for (int depth = 0; depth <= kInterpretersMost; ++depth) {
    std::ifstream file(name, std::ios::binary);
    char magic[SELFMAG] = {};
    if (!file.is_open()) return system_failure("cannot read " + name, errno);
    file.read(magic, sizeof(magic));
    if (std::memcmp(magic, ELFMAG, SELFMAG) == 0) {
      if (auto good = check_privileges(name); !good) return good;
      return check_elf(file, name);
    }
    if (std::memcmp(magic, "#!", 2) != 0) return {};  // a shell runs it, or nobody
    file.clear();
    file.seekg(0);
    std::string line;
    std::getline(file, line);
    name = interpreter_of(line);
  }
  return refuse(path, "is a script of a script of a script, and so on");
}

}  // namespace homa::tools
