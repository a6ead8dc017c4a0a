# cmake -DSOURCE=FOLDER -DOUTPUT=HEADER -DVERSION=1.2.3 -DCOMMIT=... -P version.cmake: writes which
# version and commit this is. If COMMIT is empty, git says it. The header is touched only when it
# changes.
if(NOT COMMIT)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude *
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT COMMIT)
  set(COMMIT "unknown commit")
endif()
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  string(TIMESTAMP date "%Y-%m-%d" UTC)
else()
  execute_process(COMMAND git -C ${SOURCE} log -1 --format=%cs
    OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
// Made by cmake/version.cmake.
#pragma once
#define HOMA_VERSION "@VERSION@"
#define HOMA_COMMIT "@COMMIT@"
#define HOMA_DATE "@date@"
]] @ONLY)
