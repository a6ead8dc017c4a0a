# The AF_XDP back end: needs libxdp, libbpf and a clang that compiles for BPF. Where one is absent,
# Homa is built without it and says so when it is asked for.
pkg_check_modules(HOMA_XDP_LIBS IMPORTED_TARGET libxdp libbpf)
find_program(HOMA_BPF_CLANG NAMES clang clang-14 clang-15 clang-16)
if(HOMA_XDP_LIBS_FOUND AND HOMA_BPF_CLANG)
  set(HOMA_XDP_DEFAULT ON)
else()
  set(HOMA_XDP_DEFAULT OFF)
endif()
option(HOMA_XDP "Build the AF_XDP back end (libxdp, libbpf, clang)" ${HOMA_XDP_DEFAULT})

# Of the layer's sources, those for AF_XDP or the one that says that there is none.
get_target_property(io_sources homa_io SOURCES)
if(HOMA_XDP)
  list(FILTER io_sources EXCLUDE REGEX "/xdp_absent\\.cc$")
else()
  list(FILTER io_sources EXCLUDE REGEX "/(xdp|xdp_io|xdp_program|xdp_rings)\\.cc$")
endif()
set_target_properties(homa_io PROPERTIES SOURCES "${io_sources}")

if(HOMA_XDP)
  set(source ${PROJECT_SOURCE_DIR}/src/io/xdp_program.bpf.c)
  set(generated ${PROJECT_BINARY_DIR}/generated)
  set(object ${PROJECT_BINARY_DIR}/xdp_program.o)
  set(header ${generated}/io/xdp_program_object.h)
  # <asm/types.h> is in the multiarch folder, which clang does not search for the BPF target.
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-multiarch OUTPUT_VARIABLE multiarch
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT multiarch)
    set(multiarch ${CMAKE_LIBRARY_ARCHITECTURE})
  endif()
  add_custom_command(OUTPUT ${header}
    COMMAND ${HOMA_BPF_CLANG} -target bpf -O2 -g -Wall -Werror
      -I/usr/include/${multiarch} -c ${source} -o ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}/io
    COMMAND ${CMAKE_COMMAND} -DINPUT=${object} -DOUTPUT=${header} -DNAME=kXdpProgramObject
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${source} ${PROJECT_SOURCE_DIR}/src/io/xdp_filter.h
      ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Compiling the XDP program" VERBATIM)
  target_sources(homa_io PRIVATE ${header})
  target_include_directories(homa_io PRIVATE ${generated})
  target_link_libraries(homa_io PRIVATE PkgConfig::HOMA_XDP_LIBS)
endif()
