# homa_services(NAME FILE.proto...): the static library NAME of the messages and services of .proto
# files, relative to the calling folder. A file imports others of its own folder. What links the
# library includes "FILE.pb.h" and "FILE.homa.h".
function(homa_services name)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name})
  file(MAKE_DIRECTORY ${folder})
  if(TARGET protoc-gen-homa)
    set(plugin protoc-gen-homa)
  else()
    set(plugin homa::protoc-gen-homa)
  endif()
  foreach(proto ${ARGN})
    get_filename_component(base ${proto} NAME_WE)
    get_filename_component(proto ${proto} ABSOLUTE)
    get_filename_component(folder_of_proto ${proto} DIRECTORY)
    add_custom_command(
      OUTPUT ${folder}/${base}.pb.cc ${folder}/${base}.pb.h ${folder}/${base}.homa.h
      COMMAND protobuf::protoc --plugin=protoc-gen-homa=$<TARGET_FILE:${plugin}>
        --cpp_out=${folder} --homa_out=${folder} -I${folder_of_proto} ${proto}
      DEPENDS ${proto} ${plugin} VERBATIM)
    list(APPEND sources ${folder}/${base}.pb.cc ${folder}/${base}.homa.h)
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${folder})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
endfunction()
