# homa::rpc: services from .proto files (docs/rpc.md). Needs protobuf; without it, Homa is built
# without services, and nothing else of it changes.
find_package(Protobuf)
find_library(HOMA_PROTOC_LIBRARY protoc)
find_path(HOMA_PROTOC_INCLUDE google/protobuf/compiler/plugin.h)
if(Protobuf_FOUND AND HOMA_PROTOC_LIBRARY AND HOMA_PROTOC_INCLUDE)
  set(HOMA_RPC_DEFAULT ON)
else()
  set(HOMA_RPC_DEFAULT OFF)
endif()
option(HOMA_RPC "Build homa::rpc (libprotobuf-dev, libprotoc-dev, protobuf-compiler)"
  ${HOMA_RPC_DEFAULT})
if(NOT HOMA_RPC)
  return()
endif()

# The plug-in of protoc.
add_library(homa_rpc_compiler STATIC src/rpc/compiler/generator.cc src/rpc/compiler/names.cc)
target_include_directories(homa_rpc_compiler PUBLIC ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(homa_rpc_compiler PUBLIC ${HOMA_PROTOC_LIBRARY} protobuf::libprotobuf
  PRIVATE homa_compiler)
add_executable(protoc-gen-homa src/rpc/compiler/main.cc)
set_target_properties(protoc-gen-homa PROPERTIES RUNTIME_OUTPUT_DIRECTORY
  ${PROJECT_BINARY_DIR}/bin)
target_link_libraries(protoc-gen-homa PRIVATE homa_rpc_compiler homa_compiler)
install(TARGETS protoc-gen-homa EXPORT homaRpcTargets RUNTIME)

include(${PROJECT_SOURCE_DIR}/cmake/homa_services.cmake)
homa_services(homa_rpc_services src/rpc/services.proto)
homa_layer(rpc DEPENDS async THREADED)
target_link_libraries(homa_rpc PUBLIC homa_rpc_services protobuf::libprotobuf)

# The library that services link: homa::rpc with its headers.
add_library(homa_rpc_library SHARED $<TARGET_OBJECTS:homa_rpc> $<TARGET_OBJECTS:homa_rpc_services>
  $<TARGET_OBJECTS:homa_base>)
target_include_directories(homa_rpc_library PRIVATE
  $<TARGET_PROPERTY:homa_rpc_services,INTERFACE_INCLUDE_DIRECTORIES>)
target_link_libraries(homa_rpc_library PUBLIC homa protobuf::libprotobuf PRIVATE homa_compiler)
set_target_properties(homa_rpc_library PROPERTIES OUTPUT_NAME homa_rpc EXPORT_NAME rpc
  VERSION ${PROJECT_VERSION} SOVERSION ${HOMA_ABI})
add_library(homa::rpc ALIAS homa_rpc_library)
install(TARGETS homa_rpc_library EXPORT homaRpcTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

install(EXPORT homaRpcTargets NAMESPACE homa:: DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/homa/rpc
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/homa FILES_MATCHING PATTERN "*.h")
file(APPEND ${PROJECT_BINARY_DIR}/homaConfig.cmake
  "find_package(Protobuf QUIET)
if(Protobuf_FOUND)
  include(\${CMAKE_CURRENT_LIST_DIR}/homaRpcTargets.cmake)
  include(\${CMAKE_CURRENT_LIST_DIR}/homa_services.cmake)
endif()
")
install(FILES ${PROJECT_SOURCE_DIR}/cmake/homa_services.cmake DESTINATION ${package_dir})
