# base/version.cpp gets the project's version and the commit it was built from.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} describe --always --dirty
  OUTPUT_VARIABLE CANARY_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CANARY_COMMIT)
  set(CANARY_COMMIT unknown)
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/gateway/base/version.cpp PROPERTIES
  COMPILE_DEFINITIONS "CANARY_VERSION=\"${PROJECT_VERSION}\";CANARY_COMMIT=\"${CANARY_COMMIT}\"")
