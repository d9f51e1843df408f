# The same unit executables from build/asan and build/tsan, run by the ctest of build/dev
# (CANARY_CI=ON; tests/run.sh builds them first), so that one ctest run ends everything.
# tsan_units: the target that builds, under TSan, the units of the rooms where threads meet.
set(CANARY_THREADED_ROOMS log stats net reactor store call proxy notify control admin)

set(tsan_units)
foreach(room ${CANARY_THREADED_ROOMS})
  if(TARGET unit_${room})
    list(APPEND tsan_units unit_${room})
  endif()
endforeach()
list(APPEND tsan_units scenario_lives scenario_traffic)
add_custom_target(tsan_units DEPENDS ${tsan_units})

# clang 14's runtimes need address-space randomness off where the kernel's is large.
set(CANARY_STEADY_ADDRESSES)
execute_process(COMMAND setarch -R true RESULT_VARIABLE setarch_failed OUTPUT_QUIET ERROR_QUIET)
if(NOT setarch_failed)
  set(CANARY_STEADY_ADDRESSES setarch -R)
endif()
set(CANARY_ASAN_ENVIRONMENT
  "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1" "CANARY_SCENARIO_SEEDS=60")
set(CANARY_TSAN_ENVIRONMENT
  "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1" "CANARY_SCENARIO_SEEDS=60")

if(CANARY_CI)
  foreach(target ${CANARY_UNIT_TARGETS})
    add_test(NAME asan.${target}
      COMMAND ${CANARY_STEADY_ADDRESSES} ${CMAKE_SOURCE_DIR}/build/asan/tests/${target})
    set_tests_properties(asan.${target} PROPERTIES
      PROCESSORS 2 TIMEOUT 300 LABELS asan ENVIRONMENT "${CANARY_ASAN_ENVIRONMENT}")
  endforeach()
  foreach(target ${tsan_units})
    add_test(NAME tsan.${target}
      COMMAND ${CANARY_STEADY_ADDRESSES} ${CMAKE_SOURCE_DIR}/build/tsan/tests/${target})
    set_tests_properties(tsan.${target} PROPERTIES
      PROCESSORS 2 TIMEOUT 300 LABELS tsan ENVIRONMENT "${CANARY_TSAN_ENVIRONMENT}")
  endforeach()
  # Short; hours of it are tests/fuzz.sh's own business.
  add_test(NAME fuzz COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz.sh 5)
  set_tests_properties(fuzz PROPERTIES PROCESSORS 2 TIMEOUT 600 LABELS fuzz COST 40)
endif()
