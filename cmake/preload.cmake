# libhoma_preload.so: the kernel module's socket interface, for programs that were written for it.
# The layer is over the public API. What stands in front of the C library's functions is apart, in
# interpose/, so that tools can use the rest (`homa run`: settings) without that.
homa_layer(preload DEPENDS base THREADED)
if(TARGET preload_test)
  target_link_libraries(preload_test PRIVATE homa)
endif()

file(GLOB interpose CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/preload/interpose/*.cc)
add_library(homa_preload_library SHARED ${interpose})
target_link_libraries(homa_preload_library PRIVATE homa_preload homa homa_compiler
  ${CMAKE_DL_LIBS})
set(preload_exports ${PROJECT_SOURCE_DIR}/packaging/libhoma_preload.map)
target_link_options(homa_preload_library PRIVATE -Wl,--version-script=${preload_exports})
set_target_properties(homa_preload_library PROPERTIES OUTPUT_NAME homa_preload NO_SONAME ON
  INSTALL_RPATH "$ORIGIN" LINK_DEPENDS ${preload_exports})
install(TARGETS homa_preload_library LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
