# What applications link and find: libhoma.so with its headers, `find_package(homa)` and pkg-config.
set(HOMA_ABI 0)
add_library(homa SHARED $<TARGET_OBJECTS:homa_async> $<TARGET_OBJECTS:homa_client>
  $<TARGET_OBJECTS:homa_base>)
target_link_libraries(homa PRIVATE homa_engine homa_compiler)
target_include_directories(homa INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(homa INTERFACE cxx_std_20)
set(exports ${PROJECT_SOURCE_DIR}/packaging/libhoma.map)
# Only what the public headers declare leaves the library; --no-undefined: it needs nobody's help.
target_link_options(homa PRIVATE -Wl,--version-script=${exports})
# dlclose() leaves the library where it is: its threads may run in it (docs/operating.md#processes).
target_link_options(homa PRIVATE -Wl,-z,nodelete)
if(NOT HOMA_SANITIZE)
  target_link_options(homa PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(homa PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${HOMA_ABI}
  LINK_DEPENDS ${exports})
add_library(homa::homa ALIAS homa)

install(TARGETS homa EXPORT homaTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/homa DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN rpc EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/homa)
install(EXPORT homaTargets NAMESPACE homa:: DESTINATION ${package_dir})
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/homaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
file(WRITE ${PROJECT_BINARY_DIR}/homaConfig.cmake
  "include(\${CMAKE_CURRENT_LIST_DIR}/homaTargets.cmake)\n")
install(FILES ${PROJECT_BINARY_DIR}/homaConfig.cmake ${PROJECT_BINARY_DIR}/homaConfigVersion.cmake
  DESTINATION ${package_dir})
file(RELATIVE_PATH HOMA_PC_TO_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${PROJECT_SOURCE_DIR}/packaging/homa.pc.in ${PROJECT_BINARY_DIR}/homa.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/homa.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_SOURCE_DIR}/packaging/wireshark/homa.lua
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/wireshark/plugins)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
