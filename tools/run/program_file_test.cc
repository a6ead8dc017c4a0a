#include "tools/run/program_file.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace homa::tools {
namespace {

class ProgramFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = ::testing::TempDir() + "program_file_" + name;
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), 0755);
    written_.push_back(path);
    return path;
  }
  void TearDown() override {
    for (const std::string& path : written_) std::filesystem::remove(path);
  }
  static std::string elf(std::vector<std::uint32_t> parts) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_phoff = sizeof(header);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(parts.size());
    std::string content(reinterpret_cast<const char*>(&header), sizeof(header));
    for (const std::uint32_t type : parts) {
      Elf64_Phdr part{};
      part.p_type = type;
      content.append(reinterpret_cast<const char*>(&part), sizeof(part));
    }
    return content;
  }
  std::vector<std::string> written_;
};

TEST_F(ProgramFile, WhatHasALoaderCanBePreloaded) {
  EXPECT_TRUE(can_preload("/bin/sh"));
  EXPECT_TRUE(can_preload(write("dynamic", elf({PT_LOAD, PT_INTERP}))));
}

TEST_F(ProgramFile, AStaticProgramCannot) {
  const auto refused = can_preload(write("static", elf({PT_LOAD, PT_NOTE})));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().text.find("statically linked"), std::string::npos);
}

TEST_F(ProgramFile, AProgramThatMakesItsOwnSystemCallsCannot) {
  std::string content = elf({PT_INTERP, PT_NOTE});
  const Elf64_Off note = content.size();
  std::memcpy(&content[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset)],
              &note, sizeof(note));
  const Elf64_Nhdr head{4, 0, 4};
  content.append(reinterpret_cast<const char*>(&head), sizeof(head));
  const auto refused = can_preload(write("go", content + std::string("Go\0\0", 4)));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("Go program"), std::string::npos);
  EXPECT_TRUE(can_preload(write("gnu", content + std::string("GNU\0", 4))));
}

TEST_F(ProgramFile, AScriptIsAsGoodAsItsInterpreter) {
  const std::string fixed = write("fixed", elf({PT_LOAD}));
  EXPECT_FALSE(can_preload(write("script", "#! " + fixed + " -x\n")));
  EXPECT_TRUE(can_preload(write("shell", "#!/bin/sh\necho\n")));
  EXPECT_TRUE(can_preload(write("text", "echo\n")));
  const std::string endless = write("endless", "");
  std::ofstream(endless) << "#!" << endless << "\n";
  EXPECT_FALSE(can_preload(endless));
}

TEST_F(ProgramFile, BrokenFilesAreRefused) {
  EXPECT_FALSE(can_preload("/no/such/file"));
  EXPECT_FALSE(can_preload(write("cut", elf({PT_INTERP}).substr(0, 30))));
  EXPECT_FALSE(can_preload(write("cut_later", elf({PT_INTERP}).substr(0, 70))));
  EXPECT_FALSE(can_preload(write("bare", "#!")));
}

TEST_F(ProgramFile, ASetUidProgramIsNotPreloaded) {
  const std::string path = write("setuid", elf({PT_INTERP}));
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make one";
  ASSERT_EQ(::chown(path.c_str(), 12'345, 12'345), 0);
  ASSERT_EQ(::chmod(path.c_str(), 04755), 0);
  const auto refused = can_preload(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotPermitted);
}

}  // namespace
}  // namespace homa::tools
