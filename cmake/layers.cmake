# homa_layer(NAME DEPENDS LAYER... [THREADED]): the static library homa_NAME of src/NAME/*.cc, and,
# of src/NAME/*_test.cc, the test program NAME_test. THREADED: its tests use threads, see homa_test.
function(homa_layer name)
  cmake_parse_arguments(LAYER "THREADED" "" "DEPENDS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  list(TRANSFORM LAYER_DEPENDS PREPEND homa_)
  if(sources)
    add_library(homa_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(homa_${name} PRIVATE homa_compiler)
  else()
    add_library(homa_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(homa_${name} ${scope}
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(homa_${name} ${scope} ${LAYER_DEPENDS} Boost::headers Threads::Threads)
  if(HOMA_TESTS AND tests)
    if(LAYER_THREADED)
      set(labels LABELS threads)
    endif()
    homa_test(${name}_test SOURCES ${tests} LINK homa_${name} ${labels})
  endif()
endfunction()

# Builds every test that uses threads and nothing else, for ./check's thread sanitizer run.
add_custom_target(threaded_tests)

# homa_test(NAME SOURCES FILE... LINK TARGET... [LABELS LABEL...] [TIMEOUT SECONDS]): one GoogleTest
# program, run by ctest as NAME. Labels that ./check knows: `threads` (runs under the thread
# sanitizer too), `network` (needs root and namespaces; runs alone). What several tests share is
# included as "support/FILE.h".
function(homa_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE HOMA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${TEST_LINK} homa_compiler homa_test_code
    GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}")
  if("threads" IN_LIST TEST_LABELS)
    add_dependencies(threaded_tests ${name})
  endif()
  if("network" IN_LIST TEST_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
