# What applications link and find: libhoma with its headers. Install rules join here.
add_library(homa INTERFACE)
target_link_libraries(homa INTERFACE homa_client)
