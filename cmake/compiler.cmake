# Warnings are errors, unless HOMA_WERROR is off (packages: other compilers have other warnings);
# sanitizers by HOMA_SANITIZE.
option(HOMA_WERROR "Treat warnings as errors" ON)
add_library(homa_compiler INTERFACE)
target_compile_options(homa_compiler INTERFACE
  -Wall -Wextra -Wpedantic $<$<BOOL:${HOMA_WERROR}>:-Werror>
  $<$<COMPILE_LANGUAGE:CXX>:-Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wold-style-cast -Wextra-semi>
  # Our functions cannot be replaced at load time: g++ may inline them under -fPIC, as clang does.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-semantic-interposition>
  # g++ 12 sees dangling and null pointers in its own library at -O2 and under sanitizers.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-array-bounds -Wno-stringop-overflow -Wno-maybe-uninitialized
    -Wno-restrict -Wno-dangling-pointer -Wno-null-dereference -Wno-interference-size -Wno-tsan>)
if(HOMA_SANITIZE)
  target_compile_options(homa_compiler INTERFACE
    -fsanitize=${HOMA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # Clang 14 cannot assemble what this check adds to coroutines.
  target_compile_options(homa_compiler INTERFACE
    $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fno-sanitize=function>)
  target_link_options(homa_compiler INTERFACE -fsanitize=${HOMA_SANITIZE})
endif()

# For tools, whose compilation takes long: sanitizers triple what the optimizer needs for it.
add_library(homa_slow_to_compile INTERFACE)
if(HOMA_SANITIZE)
  target_compile_options(homa_slow_to_compile INTERFACE -O0)
endif()

# For tests: what they test is optimized, they themselves are not. This halves their compilation,
# which is half of what ./check compiles.
add_library(homa_test_code INTERFACE)
target_compile_options(homa_test_code INTERFACE -O0)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
