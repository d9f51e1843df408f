# How the house is built: warnings, sanitizers, Boost compiled once, and one library per room.
# Warnings are errors where CMAKE_COMPILE_WARNING_AS_ERROR is on: in the presets for developers, and
# everywhere in CI (`tests/run.sh --strict`). A user's compiler may warn.

add_library(canary_warnings INTERFACE)
target_compile_options(canary_warnings INTERFACE -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 sees overlaps and overflows in inlined std::string code that is not there (GCC PR105651).
  target_compile_options(canary_warnings INTERFACE -Wno-restrict -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-array-bounds)
endif()

if(CANARY_SANITIZE)
  # clang 14's check "function" misfires on coroutines; "vptr" asks the kernel for a pipe to see
  # whether memory is there, and calls every object broken when descriptors have run out.
  add_compile_options(-fsanitize=${CANARY_SANITIZE} -fno-sanitize-recover=all
    -fno-sanitize=function,vptr -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CANARY_SANITIZE})
endif()

# Asio, Beast and JSON are compiled once, here, and only declared everywhere else.
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED)
add_library(boost_net STATIC cmake/boost_net.cpp)
target_link_libraries(boost_net PUBLIC Threads::Threads OpenSSL::SSL)
add_library(boost_json STATIC cmake/boost_json.cpp)

# The headers that nearly every file includes, compiled once. They are named here, and not included by a
# header of our own, so that clones in different places share ccache's copy: no path is in it.
add_library(canary_pch STATIC cmake/pch.cpp)
target_precompile_headers(canary_pch PRIVATE
  <algorithm> <array> <atomic> <chrono> <cstddef> <cstdint> <filesystem> <functional> <map>
  <memory> <optional> <span> <string> <string_view> <unordered_map> <utility> <variant>
  <vector> <boost/system/result.hpp>)
target_link_libraries(canary_pch PRIVATE canary_warnings)

# canary_room(name [USES room...] [LIBRARIES target...])
# Every .cpp of gateway/<name>/ becomes the static library canary_<name>.
function(canary_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/gateway/${name}/*.cpp)
  list(TRANSFORM ROOM_USES PREPEND canary_)
  add_library(canary_${name} STATIC ${sources})
  set_target_properties(canary_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(canary_${name} PUBLIC ${CMAKE_SOURCE_DIR}/gateway)
  target_precompile_headers(canary_${name} REUSE_FROM canary_pch)
  target_link_libraries(canary_${name} PUBLIC ${ROOM_USES} ${ROOM_LIBRARIES} Threads::Threads
    PRIVATE canary_warnings)
endfunction()
