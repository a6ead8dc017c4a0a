# python3-homa: pure Python over libhoma's C interface, so there is nothing to compile. It is built
# and tested with Debian's Python, which has cffi and protobuf.
find_program(HOMA_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
set(python_found 1)
if(HOMA_PYTHON)
  execute_process(COMMAND ${HOMA_PYTHON} -c "import cffi, google.protobuf"
    RESULT_VARIABLE python_found OUTPUT_QUIET ERROR_QUIET)
endif()
if(NOT python_found EQUAL 0)
  message(STATUS "python3-homa is not tested: python3-cffi or python3-protobuf is not installed")
  return()
endif()

set(HOMA_PYTHON_READY ON)
set(python_folder ${PROJECT_SOURCE_DIR}/bindings/python)
if(HOMA_TESTS AND NOT HOMA_SANITIZE)
  foreach(test messages rpc)
    add_test(NAME python_${test} COMMAND ${HOMA_PYTHON} ${python_folder}/tests/test_${test}.py)
    set(environment PYTHONPATH=${python_folder} PYTHONDONTWRITEBYTECODE=1 HOMA_DAEMON=off
      HOMA_LIBRARY=$<TARGET_FILE:homa>)
    set_tests_properties(python_${test} PROPERTIES TIMEOUT 120 ENVIRONMENT "${environment}")
  endforeach()
  add_test(NAME python_wheel COMMAND ${python_folder}/tests/wheel_test.sh ${HOMA_PYTHON}
    ${PROJECT_SOURCE_DIR} $<TARGET_FILE:homa> ${PROJECT_BINARY_DIR}/python_wheel)
  set_tests_properties(python_wheel PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()
